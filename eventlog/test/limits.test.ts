import assert from 'node:assert/strict';
import { TPM_ALG_SHA256 } from '@touchstone/tpm';
import { parseEventLog } from '../index.ts';
import { ascii, eventSaying, logDeclaring, logOf } from './sample-log.ts';

const EV_ACTION = 5;
const SHA256: readonly [number, number] = [TPM_ALG_SHA256, 32];
const ones = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

describe('parseEventLog, its limits', () => {
  const MIB = 1024 * 1024;
  const emptyEvent = eventSaying({ pcr: 0, type: 0 });

  it('refuses 16 MiB and a byte before it reads any: LOG_TOO_LARGE', () => {
    assert.throws(() => parseEventLog(ones(16 * MIB + 1)), { code: 'LOG_TOO_LARGE' });
  });

  it('refuses a million events of 16 bytes: LOG_TOO_MANY_EVENTS', () => {
    const events = Buffer.alloc(1_000_000 * emptyEvent.length, eventSaying({ pcr: 1, type: 5 }));
    const bytes = logDeclaring([SHA256], events);
    assert.throws(() => parseEventLog(bytes), { code: 'LOG_TOO_MANY_EVENTS' });
  });

  it('refuses a million events of zeros with a one at the end: LOG_TOO_MANY_EVENTS', () => {
    const bytes = logDeclaring([SHA256], Buffer.concat([Buffer.alloc(15 * MIB), Buffer.of(1)]));
    assert.throws(() => parseEventLog(bytes), { code: 'LOG_TOO_MANY_EVENTS' });
  });

  it('reads 65,536 events and refuses one more', () => {
    const event = eventSaying({ pcr: 1, type: 5 });
    const most = Buffer.alloc(65_536 * event.length, event);
    assert.equal(parseEventLog(logDeclaring([SHA256], most)).events.length, 65_536);
    const more = Buffer.concat([most, event]);
    assert.throws(() => parseEventLog(logDeclaring([SHA256], more)), {
      code: 'LOG_TOO_MANY_EVENTS',
    });
  });

  it('can be set lower, each on its own', () => {
    const log = logOf(
      [1, 2].map((pcr) => ({ pcr, type: EV_ACTION, data: ascii('x') })),
      ['sha1', 'sha256'],
    );
    assert.throws(() => parseEventLog(log, { maxBytes: 64 }), { code: 'LOG_TOO_LARGE' });
    assert.throws(() => parseEventLog(log, { maxEvents: 1 }), { code: 'LOG_TOO_MANY_EVENTS' });
    assert.throws(() => parseEventLog(log, { maxAlgorithms: 1 }), { code: 'SPEC_ID_ALGORITHMS' });
  });
});
