import assert from 'node:assert/strict';
import { hash } from '@touchstone/tpm';
import { parseCcEventLog, replayCcEventLog } from '../index.ts';
import { ascii, ccLogOf, hex, legacyLogOf, logOf } from './sample-log.ts';

const EV_NO_ACTION = 3;
const EV_ACTION = 5;
const measured = (pcr: number, text: string) => ({ pcr, type: EV_ACTION, data: ascii(text) });
const zeros = new Uint8Array(48);
const extend = (value: Uint8Array, data: Uint8Array): Uint8Array =>
  hash('sha384', value, hash('sha384', data));

describe('parseCcEventLog', () => {
  it('reads events by register, and has no PCRs to be taken for them', () => {
    const log = parseCcEventLog(ccLogOf([measured(1, 'a'), measured(4, 'b')]));
    assert.equal(log.format, 'cc');
    assert.deepEqual(
      log.events.map(({ index, register }) => [index, register]),
      [
        [1, 1],
        [2, 4],
      ],
    );
    assert.ok(log.events.every((event) => !('pcr' in event)));
    assert.equal(log.header.register, 1);
  });

  it('takes the unused rest of the area, 0xFF throughout, for padding', () => {
    const log = parseCcEventLog(ccLogOf([measured(1, 'a')], new Uint8Array(4096).fill(255)));
    assert.equal(log.events.length, 1);
    assert.equal(log.paddingBytes, 4096);
  });

  for (const { given, bytes, code } of [
    { given: 'no bytes', bytes: new Uint8Array(), code: 'LOG_EMPTY' },
    { given: "a TPM's log", bytes: logOf([measured(1, 'a')]), code: 'LOG_FORMAT_UNKNOWN' },
    {
      given: 'a SHA-1-only log',
      bytes: legacyLogOf([measured(1, 'a')]),
      code: 'LOG_FORMAT_UNKNOWN',
    },
    { given: 'register 5', bytes: ccLogOf([measured(5, 'a')]), code: 'CC_REGISTER_INDEX' },
    { given: 'register 24', bytes: ccLogOf([measured(24, 'a')]), code: 'PCR_INDEX' },
    {
      given: 'an event of no register',
      bytes: ccLogOf([{ ...measured(0xffffffff, 'a'), type: EV_NO_ACTION }]),
      code: 'CC_REGISTER_INDEX',
    },
  ]) {
    it(`refuses ${given}: ${code}`, () => {
      assert.throws(() => parseCcEventLog(bytes), { name: 'ParseError', code });
    });
  }

  it('keeps to the limits of every log', () => {
    const log = ccLogOf([measured(1, 'a'), measured(1, 'b')]);
    assert.throws(() => parseCcEventLog(log, { maxEvents: 1 }), { code: 'LOG_TOO_MANY_EVENTS' });
    assert.throws(() => parseCcEventLog(log, { maxBytes: 9 }), { code: 'LOG_TOO_LARGE' });
  });
});

describe('replayCcEventLog', () => {
  const startup = Buffer.concat([ascii('StartupLocality\0'), Uint8Array.of(3)]);
  const replay = replayCcEventLog(
    parseCcEventLog(
      ccLogOf([
        { pcr: 0, type: EV_NO_ACTION, data: startup },
        measured(0, 'z'),
        measured(1, 'a'),
        measured(2, 'b'),
        measured(1, 'c'),
      ]),
    ),
  );

  it('extends each register from zeros; there is no startup locality', () => {
    const values = replay.get('sha384')?.values ?? new Map<number, Uint8Array>();
    assert.deepEqual([...values.keys()], [0, 1, 2]);
    assert.equal(hex(values.get(0) ?? zeros), hex(extend(zeros, ascii('z'))));
    assert.equal(hex(values.get(1) ?? zeros), hex(extend(extend(zeros, ascii('a')), ascii('c'))));
    assert.equal(replay.get('sha384')?.incomplete.size, 0);
  });
});
