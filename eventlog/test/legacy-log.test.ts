import assert from 'node:assert/strict';
import { hash } from '@touchstone/tpm';
import { type NewEvent, parseEventLog, replayEventLog } from '../index.ts';
import { ascii, hex, legacyLogOf } from './sample-log.ts';

const EV_NO_ACTION = 3;
const EV_ACTION = 5;
const NO_PCR = 0xffffffff;

const zeros = new Uint8Array(20);
const extend = (value: Uint8Array, data: Uint8Array): Uint8Array =>
  hash('sha1', value, hash('sha1', data));
const measured = (pcr: number, text: string): NewEvent => ({
  pcr,
  type: EV_ACTION,
  data: ascii(text),
});
const EVENTS = [measured(0, 'a'), measured(7, 'bc'), measured(0, '')];

describe('parseEventLog, of a SHA-1-only log', () => {
  it('says so, and counts its events from 0', () => {
    const log = parseEventLog(legacyLogOf(EVENTS));
    assert.equal(log.format, 'legacy-sha1');
    assert.deepEqual(
      log.events.map(({ index, offset, pcr }) => [index, offset, pcr]),
      [
        [0, 0, 0],
        [1, 33, 7],
        [2, 67, 0],
      ],
    );
    assert.deepEqual(
      log.events[1]?.digests.map(({ bank, digest }) => [bank, hex(digest)]),
      [['sha1', hex(hash('sha1', ascii('bc')))]],
    );
  });

  for (const version of ['00', '02']) {
    it(`begins with a Spec ID event of version ${version} or with none`, () => {
      const specId = { pcr: 0, type: EV_NO_ACTION, data: ascii(`Spec ID Event${version}\0rest`) };
      const log = parseEventLog(legacyLogOf([specId, ...EVENTS]));
      assert.equal(log.format, 'legacy-sha1');
      assert.equal(log.events.length, 4);
    });
  }

  it('replays in the SHA-1 bank, and in no other', () => {
    const { banks, incompleteBanks } = replayEventLog(parseEventLog(legacyLogOf(EVENTS)));
    assert.deepEqual([...banks.keys()], ['sha1']);
    const values = banks.get('sha1');
    const expected = extend(extend(zeros, ascii('a')), ascii(''));
    assert.equal(hex(values?.get(0) ?? zeros), hex(expected));
    assert.deepEqual([...(values?.keys() ?? [])], [0, 7]);
    assert.deepEqual(incompleteBanks, []);
  });

  it('starts PCR 0 at the locality that it states, and takes none that comes late', () => {
    const data = Buffer.concat([ascii('StartupLocality\0'), Uint8Array.of(3)]);
    const startup = { pcr: 0, type: EV_NO_ACTION, data };
    const replay = replayEventLog(parseEventLog(legacyLogOf([startup, measured(0, 'a')])));
    const start = Uint8Array.from(zeros).fill(3, 19);
    assert.equal(hex(replay.banks.get('sha1')?.get(0) ?? zeros), hex(extend(start, ascii('a'))));
    const late = replayEventLog(parseEventLog(legacyLogOf([measured(0, 'a'), startup])));
    assert.deepEqual(
      late.problems.map(({ code, index }) => [code, index]),
      [['STARTUP_LOCALITY', 1]],
    );
  });

  it('has its padding after the last event', () => {
    for (const padding of [new Uint8Array(32), new Uint8Array(4096), new Uint8Array(9).fill(255)]) {
      const log = parseEventLog(legacyLogOf(EVENTS, padding));
      assert.equal(log.events.length, 3);
      assert.equal(log.paddingBytes, padding.length);
    }
    assert.throws(() => parseEventLog(legacyLogOf(EVENTS, new Uint8Array(31))), {
      code: 'TRUNCATED',
    });
  });

  it('takes an event of no action to be of no PCR, as Windows ends a log', () => {
    const marker = { pcr: NO_PCR, type: EV_NO_ACTION, data: ascii('quote') };
    const log = parseEventLog(legacyLogOf([...EVENTS, marker]));
    assert.equal(log.events[3]?.extends, false);
  });

  for (const { given, events, code } of [
    { given: 'an event in PCR 24', events: [...EVENTS, measured(24, '')], code: 'PCR_INDEX' },
    { given: 'an extend of no PCR', events: [...EVENTS, measured(NO_PCR, '')], code: 'PCR_INDEX' },
    {
      given: 'a first event of a type that no profile has',
      events: [{ pcr: 0, type: 0x14, data: ascii('') }],
      code: 'LOG_FORMAT_UNKNOWN',
    },
  ]) {
    it(`refuses ${given}: ${code}`, () => {
      assert.throws(() => parseEventLog(legacyLogOf(events)), { name: 'ParseError', code });
    });
  }

  it('refuses a size of 2^32 - 1, and more events than the limit', () => {
    const lying = Buffer.from(legacyLogOf(EVENTS));
    lying.writeUInt32LE(0xffffffff, 28);
    assert.throws(() => parseEventLog(lying), { code: 'TRUNCATED', field: 'events[0].event' });
    assert.equal(parseEventLog(legacyLogOf(EVENTS), { maxEvents: 3 }).events.length, 3);
    assert.throws(() => parseEventLog(legacyLogOf(EVENTS), { maxEvents: 2 }), {
      code: 'LOG_TOO_MANY_EVENTS',
    });
  });

  it('refuses a log cut anywhere but between two events: TRUNCATED', () => {
    const whole = legacyLogOf(EVENTS);
    const ends = [33, 67, whole.length];
    for (let length = 1; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      if (ends.includes(length)) parseEventLog(cut);
      else assert.throws(() => parseEventLog(cut), { code: 'TRUNCATED' }, `at ${length}`);
    }
  });
});
