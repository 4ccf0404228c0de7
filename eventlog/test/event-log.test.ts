import assert from 'node:assert/strict';
import { TPM_ALG_SHA1, TPM_ALG_SHA256 } from '@touchstone/tpm';
import { encodeEventLog, parseEventLog, replayEventLog } from '../index.ts';
import {
  agileLog,
  ascii,
  ccLogOf,
  eventSaying,
  hex,
  legacyLogOf,
  logDeclaring,
  logOf,
} from './sample-log.ts';

const EV_ACTION = 5;
const SHA256: readonly [number, number] = [TPM_ALG_SHA256, 32];
const digest = new Uint8Array(32).fill(7);
const ones = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

describe('parseEventLog', () => {
  it('reads what encodeEventLog wrote', () => {
    const vendorInfo = ascii('vendor');
    const log = agileLog(
      encodeEventLog({
        vendorInfo,
        banks: ['sha1', 'sha256'],
        events: [{ pcr: 4, type: EV_ACTION, data: ascii('one') }],
      }),
    );
    assert.equal(hex(log.specId.vendorInfo), hex(vendorInfo));
    assert.deepEqual(
      log.specId.algorithms.map(({ bank, size }) => [bank, size]),
      [
        ['sha1', 20],
        ['sha256', 32],
      ],
    );
    const [event] = log.events;
    assert.equal(event?.index, 1);
    assert.equal(event?.pcr, 4);
    assert.equal(event?.claimedTypeName, 'EV_ACTION');
    assert.equal(Buffer.from(event?.data ?? []).toString(), 'one');
    assert.deepEqual(
      event?.digests.map(({ bank }) => bank),
      ['sha1', 'sha256'],
    );
  });

  it('names an event type that the profile does not by its number', () => {
    const log = parseEventLog(logOf([{ pcr: 1, type: 0x40e, data: ascii('') }]));
    assert.equal(log.events[0]?.claimedTypeName, '0x0000040e');
  });

  it('does not change its input and takes a Buffer within a larger one', () => {
    const log = logOf([{ pcr: 1, type: EV_ACTION, data: ascii('x') }]);
    const inside = Buffer.concat([ones(3), log, ones(3)]).subarray(3, 3 + log.length);
    const before = hex(inside);
    assert.equal(parseEventLog(inside).events.length, 1);
    assert.equal(hex(inside), before);
  });

  describe('refuses', () => {
    const refused = [
      { given: 'no bytes', bytes: new Uint8Array(), code: 'LOG_EMPTY' },
      { given: 'half a header', bytes: logOf([]).subarray(0, 20), code: 'TRUNCATED' },
      {
        given: 'another file',
        bytes: ascii('bogus\ninvalid\nevent\nlog\nfile\nhere\n'),
        code: 'LOG_FORMAT_UNKNOWN',
      },
      { given: 'nothing but 0xFF', bytes: ones(4096), code: 'LOG_FORMAT_UNKNOWN' },
      { given: 'nothing but zeros', bytes: new Uint8Array(4096), code: 'LOG_FORMAT_UNKNOWN' },
      {
        given: 'a Spec ID event of a version to come',
        bytes: legacyLogOf([{ pcr: 0, type: 3, data: ascii('Spec ID Event04\0') }]),
        code: 'LOG_FORMAT_UNKNOWN',
      },
      {
        given: 'a Spec ID event of version 1.2 under the signature of 2.0',
        bytes: logDeclaring([SHA256], ones(0), 1, 1),
        code: 'SPEC_ID_VERSION',
      },
      {
        given: 'a log that declares no algorithm',
        bytes: logDeclaring([]),
        code: 'SPEC_ID_ALGORITHMS',
      },
      {
        given: 'a log that declares 17',
        bytes: logDeclaring(Array.from({ length: 17 }, (_, i) => [0x100 + i, 32] as const)),
        code: 'SPEC_ID_ALGORITHMS',
      },
      {
        given: 'a log that declares 2^32 - 1',
        bytes: logDeclaring([SHA256], ones(0), 0xffffffff),
        code: 'SPEC_ID_ALGORITHMS',
      },
      {
        given: 'a log that declares more than it lists',
        bytes: logDeclaring([SHA256], ones(0), 3),
        code: 'TRUNCATED',
      },
      {
        given: 'a log that lists more than it declares',
        bytes: logDeclaring([SHA256, [0x0102, 20]], ones(0), 1),
        code: 'TRAILING_BYTES',
      },
      {
        given: 'an algorithm declared twice',
        bytes: logDeclaring([SHA256, SHA256]),
        code: 'SPEC_ID_ALGORITHMS',
      },
      {
        given: 'SHA-256 of 20 bytes',
        bytes: logDeclaring([[TPM_ALG_SHA256, 20]]),
        code: 'SPEC_ID_DIGEST_SIZE',
      },
      {
        given: 'SHA-1 of 32 bytes',
        bytes: logDeclaring([[TPM_ALG_SHA1, 32]]),
        code: 'SPEC_ID_DIGEST_SIZE',
      },
      {
        given: 'no algorithm that is known (L19)',
        bytes: logDeclaring([[0xcafe, 32]]),
        code: 'SPEC_ID_ALGORITHMS',
      },
      {
        given: 'an unknown algorithm of no bytes',
        bytes: logDeclaring([[0xcafe, 0]]),
        code: 'SPEC_ID_DIGEST_SIZE',
      },
      {
        given: 'an unknown algorithm of 65,535 bytes',
        bytes: logDeclaring([[0xcafe, 0xffff]]),
        code: 'SPEC_ID_DIGEST_SIZE',
      },
      { given: 'an event in PCR 24', bytes: after({ pcr: 24 }), code: 'PCR_INDEX' },
      {
        given: 'an extending event of no PCR',
        bytes: after({ pcr: 0xffffffff }),
        code: 'PCR_INDEX',
      },
      {
        given: 'an event of no action in PCR 24',
        bytes: after({ pcr: 24, type: 3 }),
        code: 'PCR_INDEX',
      },
      { given: 'more digests than declared', bytes: after({ count: 2 }), code: 'DIGEST_COUNT' },
      { given: '65,536 digests', bytes: after({ count: 65_536 }), code: 'DIGEST_COUNT' },
      {
        given: 'a digest of an undeclared algorithm',
        bytes: after({ digests: [[TPM_ALG_SHA1, digest]] }),
        code: 'DIGEST_UNDECLARED',
      },
      {
        given: 'two digests of one algorithm',
        bytes: logDeclaring(
          [SHA256, [TPM_ALG_SHA1, 20]],
          eventSaying({
            digests: [
              [TPM_ALG_SHA256, digest],
              [TPM_ALG_SHA256, digest],
            ],
          }),
        ),
        code: 'DIGEST_DUPLICATE',
      },
      {
        given: 'an event of 2^32 - 1 bytes',
        bytes: after({ size: 0xffffffff, data: ascii('x') }),
        code: 'TRUNCATED',
      },
      {
        given: 'an event of one byte more than there is',
        bytes: after({ size: 2, data: ascii('x') }),
        code: 'TRUNCATED',
      },
      {
        given: 'one byte after the last event',
        bytes: Buffer.concat([after({}), ascii('x')]),
        code: 'TRUNCATED',
      },
    ];
    for (const { given, bytes, code } of refused) {
      it(`${given}: ${code}`, () => {
        assert.throws(() => parseEventLog(bytes), { name: 'ParseError', code });
      });
    }

    it('a log of a confidential VM, which has no PCRs: LOG_OF_CC_REGISTERS', () => {
      assert.throws(() => parseEventLog(ccLogOf([])), { code: 'LOG_OF_CC_REGISTERS' });
    });

    it('a Spec ID event in any other register: LOG_FORMAT_UNKNOWN', () => {
      const log = Uint8Array.from(logOf([]));
      for (const register of [2, 4, 23, 24]) {
        log[0] = register;
        assert.throws(() => parseEventLog(log), { code: 'LOG_FORMAT_UNKNOWN' });
      }
    });

    it('a log cut anywhere but between two events: TRUNCATED', () => {
      const events = [0, 7, 0].map((pcr) => ({ pcr, type: EV_ACTION, data: ascii('data') }));
      const whole = logOf(events);
      const ends = [0, 1, 2, 3].map((count) => logOf(events.slice(0, count)).length);
      for (let length = 1; length < whole.length; length++) {
        const cut = whole.subarray(0, length);
        if (ends.includes(length)) parseEventLog(cut);
        else assert.throws(() => parseEventLog(cut), { code: 'TRUNCATED' }, `at ${length}`);
      }
    });
  });

  describe('what comes after the last event', () => {
    const events = [{ pcr: 5, type: EV_ACTION, data: ascii('last') }];

    for (const [given, padding] of [
      ['one 0xFF', ones(1)],
      ['a buffer of 0xFF', ones(65_536)],
      ['an empty event header of zeros', new Uint8Array(16)],
      ['a buffer of zeros', new Uint8Array(65_536)],
    ] as const) {
      it(`is padding if it is ${given}`, () => {
        const log = parseEventLog(logOf(events, ['sha256'], padding));
        assert.equal(log.events.length, 1);
        assert.equal(log.paddingBytes, padding.length);
      });
    }

    it('is no padding if anything but the one byte is in it', () => {
      const mixed = Buffer.concat([new Uint8Array(64), ascii('x')]);
      assert.throws(() => parseEventLog(logOf(events, ['sha256'], mixed)), { code: 'TRUNCATED' });
      assert.throws(
        () => parseEventLog(logOf(events, ['sha256'], Buffer.concat([ones(8), ascii('x')]))),
        {
          code: 'PCR_INDEX',
        },
      );
    });

    it('takes nothing from a last event whose data ends in the padding byte', () => {
      for (const filler of [0x00, 0xff]) {
        const data = new Uint8Array(40).fill(filler);
        const padding = new Uint8Array(32).fill(filler);
        const log = parseEventLog(logOf([{ pcr: 5, type: EV_ACTION, data }], ['sha256'], padding));
        assert.equal(log.events.length, 1);
        assert.equal(log.paddingBytes, 32);
      }
    });

    describe('may be an event of no PCR and no action, as Windows writes one', () => {
      const digests = [[TPM_ALG_SHA256, digest]] as const;
      const marker = eventSaying({ pcr: 0xffffffff, type: 3, digests });

      it('which extends nothing and is an end marker, not an event', () => {
        const log = agileLog(logOf(events, ['sha256'], marker));
        assert.equal(log.events.length, 1);
        assert.deepEqual(
          log.endMarkers.map(({ index, pcr }) => [index, pcr]),
          [[2, 0xffffffff]],
        );
        const { banks } = replayEventLog(log);
        assert.deepEqual([...(banks.get('sha256')?.keys() ?? [])], [5]);
      });

      it('and padding after it', () => {
        const log = agileLog(logOf(events, ['sha256'], Buffer.concat([marker, ones(9)])));
        assert.equal(log.endMarkers.length, 1);
        assert.equal(log.paddingBytes, 9);
      });

      it('which hides nothing: events after it count', () => {
        const hidden = eventSaying({ pcr: 7, digests });
        const log = agileLog(logOf(events, ['sha256'], Buffer.concat([marker, hidden])));
        assert.deepEqual(
          log.events.map(({ pcr }) => pcr),
          [5, 0xffffffff, 7],
        );
        assert.deepEqual(log.endMarkers, []);
        assert.ok(replayEventLog(log).extended.get('sha256')?.has(7));
      });
    });
  });

  describe('an algorithm that is not known here', () => {
    const other: readonly [number, Uint8Array] = [0xcafe, ascii('seven..')];
    const log = agileLog(
      logDeclaring(
        [SHA256, [0xcafe, 7]],
        eventSaying({ digests: [other, [TPM_ALG_SHA256, digest]], data: ascii('data') }),
      ),
    );

    it('has a null bank and its digests are skipped by their declared size', () => {
      assert.equal(log.specId.algorithms[1]?.bank, null);
      assert.deepEqual(
        log.events[0]?.digests.map(({ bank }) => bank),
        ['sha256'],
      );
      assert.equal(Buffer.from(log.events[0]?.data ?? []).toString(), 'data');
    });

    it('is not replayed', () => {
      assert.deepEqual([...replayEventLog(log).banks.keys()], ['sha256']);
    });
  });
});

/** A log that declares SHA-256 and has one event. */
function after(said: Parameters<typeof eventSaying>[0]): Uint8Array {
  return logDeclaring([SHA256], eventSaying(said));
}
