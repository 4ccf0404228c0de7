import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

/** A disk of 1 MiB that opens by that text. */
export function makeLuksImage(path: string, key: string): void {
  const keyFile = `${path}.key`;
  writeFileSync(keyFile, key, { mode: 0o600 });
  const args = ['create', '-q', '--object', `secret,id=k,file=${keyFile}`, '-f', 'luks'];
  try {
    // It measures the processor first, and gives up where others keep it from that.
    for (let tries = 5; ; tries -= 1) {
      const { status, stderr } = spawnSync(
        'qemu-img',
        [...args, '-o', 'key-secret=k,iter-time=10', path, '1M'],
        { encoding: 'utf8' },
      );
      if (status === 0) return;
      assert.ok(tries > 0 && stderr.includes('CPU usage'), stderr);
    }
  } finally {
    rmSync(keyFile);
  }
}
