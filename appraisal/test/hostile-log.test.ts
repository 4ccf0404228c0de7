import assert from 'node:assert/strict';
import process from 'node:process';
import { encodeEventLog, EVENTLOG_LIMITS, EV_EVENT_TAG } from '@touchstone/eventlog';
import { hashHex } from '@touchstone/tpm';
import { judgeMeasurements } from '../index.ts';

/**
 * What stands before this: an agent sends no log over 12 MiB, the server reads no body over what its configuration
 * says (4 MiB, 16 at most), evidence has no blob over 16 MiB, and a log over 128 KiB is judged on a thread of its own,
 * within 15 seconds. Here is what the judgement itself takes. Bounds are ten times what was measured.
 */
describe('A hostile log', () => {
  const judged = (bytes: Uint8Array) => {
    const bootLogs = [{ digest: hashHex('sha256', bytes), bytes }];
    const before = process.cpuUsage();
    const judgement = judgeMeasurements({
      ...{ class: 'discrete', bootLogs, baselines: [] },
      pcrs: new Map([['sha256', new Map([[4, new Uint8Array(32)]])]]),
    });
    const { user, system } = process.cpuUsage(before);
    return { judgement, ms: (user + system) / 1_000 };
  };
  const codes = ({ judgement }: ReturnType<typeof judged>) =>
    judgement.log.foremost.map(({ code, actual = '' }) => `${code} ${actual}`).join('; ');

  it('of 64 MiB is refused unread, in a tenth of a second of CPU: LOG_TOO_LARGE', () => {
    const seen = judged(new Uint8Array(64 * 1_048_576).fill(0xff));
    assert.match(codes(seen), /LOG_MALFORMED LOG_TOO_LARGE/u);
    assert.ok(seen.ms < 100, `${seen.ms} ms`);
  });

  it('of as many bytes and events as are read is judged within the bound of its thread', function () {
    this.timeout(60_000);
    const data = new Uint8Array(EVENTLOG_LIMITS.maxBytes / EVENTLOG_LIMITS.maxEvents - 64);
    const log = (events: number) =>
      encodeEventLog({
        ...{ vendorInfo: new Uint8Array(), banks: ['sha256'] },
        events: Array.from({ length: events }, () => ({ pcr: 4, type: EV_EVENT_TAG, data })),
      });
    const head = log(0);
    const event = log(1).subarray(head.length);
    const events = Array<Uint8Array>(EVENTLOG_LIMITS.maxEvents - 1).fill(event);
    const bytes = Buffer.concat([head, ...events]);
    assert.ok(bytes.length > 12 * 1_048_576 && bytes.length <= EVENTLOG_LIMITS.maxBytes);
    const seen = judged(bytes);
    assert.match(codes(seen), /LOG_REPLAY_MISMATCH/u);
    assert.ok(seen.ms < 15_000, `${seen.ms} ms`);
  });
});
