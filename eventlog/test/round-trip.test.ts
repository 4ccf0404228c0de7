import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type BankName, ParseError } from '@touchstone/tpm';
import { encodeEvent, encodeEventLog, encodeSpecIdEvent } from '../index.ts';
import { digestCoversData, parseCcEventLog, parseEventLog } from '../index.ts';
import { replayCcEventLog, replayEventLog } from '../index.ts';
import { agileLog, ascii, ccLogOf, hex, legacyLogOf } from './sample-log.ts';

const BANKS: readonly BankName[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'];

const newLog = fc.record({
  vendorInfo: fc.uint8Array({ maxLength: 255 }),
  banks: fc.subarray([...BANKS], { minLength: 1 }),
  events: fc.array(
    fc.record({
      pcr: fc.nat(23),
      type: fc.oneof(
        fc.constantFrom(1, 3, 4, 5, 6, 13, 0x80000001),
        fc.integer({ min: 1, max: 0xffffffff }),
      ),
      data: fc.uint8Array({ maxLength: 300 }),
    }),
    { maxLength: 12 },
  ),
});

describe('an event log', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(newLog, ({ vendorInfo, banks, events }) => {
        const log = agileLog(encodeEventLog({ vendorInfo, banks, events }));
        assert.equal(hex(log.specId.vendorInfo), hex(vendorInfo));
        assert.deepEqual(
          log.specId.algorithms.map(({ bank }) => bank),
          banks,
        );
        assert.deepEqual(
          log.events.map(({ pcr, claimedType, data }) => [pcr, claimedType, hex(data)]),
          events.map(({ pcr, type, data }) => [pcr, type, hex(data)]),
        );
        assert.deepEqual(
          log.events.map(({ index }) => index),
          events.map((_, i) => i + 1),
        );
        for (const event of log.events) {
          assert.deepEqual(
            event.digests.map(({ bank }) => bank),
            banks,
          );
          if (event.claimedType === 6) assert.ok(digestCoversData(event));
        }
      }),
    );
  });

  it('may be written an event at a time', () => {
    fc.assert(
      fc.property(newLog, ({ vendorInfo, banks, events }) => {
        const parts = events.map((event) => encodeEvent(event, banks));
        assert.equal(
          hex(Buffer.concat([encodeSpecIdEvent({ vendorInfo, banks }), ...parts])),
          hex(encodeEventLog({ vendorInfo, banks, events })),
        );
      }),
    );
  });

  it('with any byte changed, in any format, is read or refused, and never anything else', () => {
    const anyLog = newLog.chain(({ vendorInfo, banks, events }) =>
      fc.constantFrom(
        encodeEventLog({ vendorInfo, banks, events }),
        legacyLogOf(events),
        ccLogOf(events.map((event) => ({ ...event, pcr: event.pcr % 5 }))),
      ),
    );
    fc.assert(
      fc.property(anyLog, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, flip) => {
        fc.pre(given.length > 0);
        const bytes = Uint8Array.from(given);
        const offset = at % bytes.length;
        bytes[offset] = (bytes[offset] ?? 0) ^ flip;
        assertReadOrRefused(() => replayEventLog(parseEventLog(bytes)));
        assertReadOrRefused(() => replayCcEventLog(parseCcEventLog(bytes)));
      }),
    );
  });

  it('is told from any other bytes, or at least read without harm', () => {
    const noise = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string().map(ascii));
    fc.assert(
      fc.property(noise, (bytes) => {
        assertReadOrRefused(() => replayEventLog(parseEventLog(bytes)));
        assertReadOrRefused(() => replayCcEventLog(parseCcEventLog(bytes)));
      }),
    );
  });
});

function assertReadOrRefused(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ParseError, String(error));
  }
}

describe('encodeEvent', () => {
  const data = new Uint8Array(4);
  it('refuses a digest of a bank that the log does not have, or of a wrong length', () => {
    for (const digest of [
      { bank: 'sha1' as const, digest: new Uint8Array(20) },
      { bank: 'sha256' as const, digest: new Uint8Array(20) },
    ]) {
      assert.throws(
        () => encodeEvent({ pcr: 0, type: 4, data, digests: [digest] }, ['sha256']),
        RangeError,
      );
    }
  });
});

describe('encodeSpecIdEvent', () => {
  it('refuses no banks, a bank twice and vendor info over 255 bytes', () => {
    const vendorInfo = new Uint8Array();
    assert.throws(() => encodeSpecIdEvent({ vendorInfo, banks: [] }), RangeError);
    assert.throws(() => encodeSpecIdEvent({ vendorInfo, banks: ['sha1', 'sha1'] }), RangeError);
    const tooLong = new Uint8Array(256);
    assert.throws(() => encodeSpecIdEvent({ vendorInfo: tooLong, banks: ['sha1'] }), RangeError);
  });
});
