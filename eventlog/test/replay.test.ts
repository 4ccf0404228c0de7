import assert from 'node:assert/strict';
import { hash, TPM_ALG_SHA256 } from '@touchstone/tpm';
import { type NewEvent, parseEventLog, replayEventLog } from '../index.ts';
import { ascii, eventSaying, hex, logDeclaring, logOf } from './sample-log.ts';

const EV_NO_ACTION = 3;
const EV_ACTION = 5;
const EV_EFI_HCRTM_EVENT = 0x80000010;

const zeros = new Uint8Array(32);
const startingAt = (locality: number): Uint8Array => Uint8Array.from(zeros).fill(locality, 31);
const extend = (value: Uint8Array, data: Uint8Array): Uint8Array =>
  hash('sha256', value, hash('sha256', data));

const measured = (pcr: number, text: string): NewEvent => ({
  pcr,
  type: EV_ACTION,
  data: ascii(text),
});
const startup = (locality: number, pcr = 0): NewEvent => ({
  pcr,
  type: EV_NO_ACTION,
  data: Buffer.concat([ascii('StartupLocality\0'), Uint8Array.of(locality)]),
});
const hcrtm = (pcr = 0): NewEvent => ({ pcr, type: EV_EFI_HCRTM_EVENT, data: ascii('HCRTM') });

const replayOf = (...events: NewEvent[]) => replayEventLog(parseEventLog(logOf(events)));
const pcr = (replay: ReturnType<typeof replayOf>, index: number): string =>
  hex(replay.banks.get('sha256')?.get(index) ?? new Uint8Array());

describe('replayEventLog', () => {
  it('extends each PCR from zeros in the order of the log', () => {
    const replay = replayOf(measured(4, 'a'), measured(5, 'b'), measured(4, 'c'));
    assert.equal(pcr(replay, 4), hex(extend(extend(zeros, ascii('a')), ascii('c'))));
    assert.equal(pcr(replay, 5), hex(extend(zeros, ascii('b'))));
    assert.deepEqual([...(replay.extended.get('sha256') ?? [])], [4, 5]);
    assert.deepEqual(replay.incompleteBanks, []);
  });

  it('gives no value for a PCR that no event extends', () => {
    assert.equal(replayOf(measured(4, 'a')).banks.get('sha256')?.has(5), false);
  });

  it('never extends EV_NO_ACTION, whatever its PCR and digests', () => {
    const replay = replayOf({ pcr: 4, type: EV_NO_ACTION, data: ascii('a') });
    assert.equal(replay.extended.get('sha256')?.size, 0);
    assert.equal(replay.banks.get('sha256')?.size, 0);
  });

  it('replays every declared bank by itself', () => {
    const log = parseEventLog(logOf([measured(4, 'a')], ['sha1', 'sha256', 'sha384', 'sha512']));
    const { banks } = replayEventLog(log);
    for (const [bank, values] of banks) {
      const before = new Uint8Array(hash(bank).length);
      assert.equal(hex(values.get(4) ?? before), hex(hash(bank, before, hash(bank, ascii('a')))));
    }
    assert.equal(banks.size, 4);
  });

  describe('a bank whose digests are missing', () => {
    const SHA384 = 0x000c;
    const log = parseEventLog(
      logDeclaring(
        [
          [TPM_ALG_SHA256, 32],
          [SHA384, 48],
        ],
        Buffer.concat([
          eventSaying({ pcr: 4, digests: [[SHA384, new Uint8Array(48)]] }),
          eventSaying({ pcr: 5, digests: [[TPM_ALG_SHA256, new Uint8Array(32)]] }),
          eventSaying({ pcr: 5, digests: [] }),
          eventSaying({ pcr: 0, type: EV_NO_ACTION, digests: [] }),
        ]),
      ),
    );
    const replay = replayEventLog(log);

    it('is incomplete for each PCR concerned, once, from the first such event', () => {
      assert.deepEqual(replay.incompleteBanks, [
        { bank: 'sha256', pcr: 4, index: 1 },
        { bank: 'sha256', pcr: 5, index: 3 },
        { bank: 'sha384', pcr: 5, index: 2 },
      ]);
    });

    it('still says that the PCR was extended', () => {
      assert.deepEqual([...(replay.extended.get('sha256') ?? [])], [4, 5]);
      assert.equal(replay.banks.get('sha256')?.has(4), false);
    });
  });

  describe('the startup locality', () => {
    for (const locality of [0, 3, 4] as const) {
      it(`is where PCR 0, and no other, starts: ${locality}`, () => {
        const replay = replayOf(startup(locality), measured(0, 'a'), measured(1, 'b'));
        assert.equal(pcr(replay, 0), hex(extend(startingAt(locality), ascii('a'))));
        assert.equal(pcr(replay, 1), hex(extend(zeros, ascii('b'))));
        assert.equal(replay.startupLocality, locality);
        assert.deepEqual(replay.incompleteBanks, []);
      });
    }

    it('is 4 with an H-CRTM, stated or not', () => {
      const expected = hex(extend(extend(startingAt(4), ascii('HCRTM')), ascii('a')));
      for (const log of [[hcrtm()], [startup(4), hcrtm()]]) {
        const replay = replayOf(...log, measured(0, 'a'));
        assert.equal(pcr(replay, 0), expected);
        assert.equal(replay.startupLocality, 4);
        assert.deepEqual(replay.problems, []);
      }
    });

    it('may come after extends of other PCRs', () => {
      const replay = replayOf(measured(7, 'a'), startup(3), measured(0, 'b'));
      assert.equal(replay.startupLocality, 3);
    });

    const contradictory = [
      { given: 'in another PCR', events: [startup(3, 1), measured(0, 'a')], index: 1 },
      { given: 'after PCR 0 was extended', events: [measured(0, 'a'), startup(3)], index: 2 },
      { given: 'twice', events: [startup(3), startup(3), measured(0, 'a')], index: 2 },
      { given: 'of value 1', events: [startup(1), measured(0, 'a')], index: 1 },
      { given: 'of value 2', events: [startup(2), measured(0, 'a')], index: 1 },
      { given: 'of value 255', events: [startup(255), measured(0, 'a')], index: 1 },
      {
        given: 'without a value',
        events: [{ pcr: 0, type: EV_NO_ACTION, data: ascii('StartupLocality\0') }],
        index: 1,
      },
      { given: '0 with an H-CRTM', events: [startup(0), hcrtm()], index: 2 },
      { given: '3 with an H-CRTM', events: [startup(3), hcrtm()], index: 2 },
      { given: 'after an H-CRTM', events: [hcrtm(), startup(4)], index: 2 },
      { given: 'of an H-CRTM that comes late', events: [measured(0, 'a'), hcrtm()], index: 2 },
      { given: 'of an H-CRTM in PCR 1', events: [hcrtm(1)], index: 1 },
    ];
    for (const { given, events, index } of contradictory) {
      it(`makes PCR 0 incomplete where it is ${given}: STARTUP_LOCALITY`, () => {
        const replay = replayOf(...events);
        assert.deepEqual(
          replay.problems.map(({ code, ...problem }) => [code, problem.index]),
          [['STARTUP_LOCALITY', index]],
        );
        assert.equal(replay.startupLocality, undefined);
        assert.ok(replay.incompleteBanks.some((entry) => entry.pcr === 0 && entry.index === index));
      });
    }
  });
});
