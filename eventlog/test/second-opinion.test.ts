import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EV_EVENT_TAG, encodeEventLog, encodeSoftwareEvent } from '../index.ts';
import { parseEventLog, replayEventLog, SOFTWARE_VENDOR_INFO } from '../index.ts';
import { hex } from './sample-log.ts';

const run = promisify(execFile);

describe('the software log', () => {
  it('is one that tpm2_eventlog reads, and replays to the same PCRs', async () => {
    const log = encodeEventLog({
      vendorInfo: SOFTWARE_VENDOR_INFO,
      banks: ['sha1', 'sha256'],
      events: [
        { pcr: 8, data: encodeSoftwareEvent({ kind: 'command-line', text: 'ro quiet' }) },
        { pcr: 9, data: encodeSoftwareEvent({ kind: 'absent', path: '/boot/initrd.img' }) },
        { pcr: 9, data: encodeSoftwareEvent({ kind: 'absent', path: '/boot/vmlinuz' }) },
      ].map((event) => ({ ...event, type: EV_EVENT_TAG })),
    });
    const folder = await mkdtemp(join(tmpdir(), 'touchstone-eventlog-'));
    try {
      await writeFile(join(folder, 'log'), log);
      const { stdout } = await run('tpm2_eventlog', [join(folder, 'log')], { timeout: 10_000 });
      assert.equal(stdout.match(/EventType: EV_EVENT_TAG/g)?.length, 3);
      const theirs = stdout.slice(stdout.lastIndexOf('pcrs:'));
      const { banks } = replayEventLog(parseEventLog(log));
      for (const values of banks.values()) {
        for (const [pcr, value] of values) {
          assert.match(theirs, new RegExp(`\\b${pcr}\\s*: 0x${hex(value)}`));
        }
      }
      assert.equal(theirs.match(/ : 0x/g)?.length, 4);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
