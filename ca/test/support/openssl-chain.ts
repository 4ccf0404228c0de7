import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Strictly, by openssl: the first certificate under `anchor`, with the others between. All PEM. */
export async function opensslAccepts(
  anchor: string,
  [leaf = '', ...between]: readonly string[],
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-chain-'));
  try {
    const file = async (name: string, text: string) => {
      await writeFile(join(dir, name), text);
      return join(dir, name);
    };
    const { stdout } = await run('openssl', [
      ...['verify', '-x509_strict', '-purpose', 'any'],
      ...['-CAfile', await file('anchor.pem', anchor)],
      ...['-untrusted', await file('between.pem', between.join(''))],
      await file('leaf.pem', leaf),
    ]);
    assert.match(stdout, /: OK/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
