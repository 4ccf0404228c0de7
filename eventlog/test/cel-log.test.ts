import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hash, Writer } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { parseCelLog, parseEventLog, replayCelLog, replayEventLog } from '../index.ts';
import { ascii, hex } from './sample-log.ts';

const RS = '\u001e';
const sha256 = (text: string): string => hex(hash('sha256', ascii(text)));

/** A record as systemd writes it; `more` takes the place of what it would say. */
const record = (string: string, more: object = {}): object => ({
  pcr: 11,
  digests: [
    { hashAlg: 'sha1', digest: hex(hash('sha1', ascii(string))) },
    { hashAlg: 'sha256', digest: sha256(string) },
  ],
  content_type: 'systemd',
  content: { string, bootId: '0'.repeat(32), timestamp: 4711, eventType: 'phase' },
  ...more,
});
const sequence = (...records: readonly (object | string)[]): Uint8Array =>
  Buffer.from(
    records
      .map((each) => `${RS}${typeof each === 'string' ? each : JSON.stringify(each)}\n`)
      .join(''),
  );
const parse = (...records: readonly (object | string)[]) => parseCelLog(sequence(...records));
const extended = (...strings: readonly string[]): string =>
  hex(
    strings.reduce<Uint8Array>(
      (value, string) => hash('sha256', value, hash('sha256', ascii(string))),
      new Uint8Array(32),
    ),
  );

describe("systemd's log of user space", () => {
  it('is a record behind each separator, whose string is believed if the digests are its hash', () => {
    const { encoding, records } = parse(record('enter-initrd'), record('leave-initrd'));
    assert.equal(encoding, 'json');
    assert.deepEqual(
      records.map(({ index, register, content, basis }) => ({ index, register, content, basis })),
      ['enter-initrd', 'leave-initrd'].map((string, index) => ({
        index,
        register: { kind: 'pcr', index: 11 },
        content: {
          kind: 'systemd',
          string,
          eventType: 'phase',
          bootId: '0'.repeat(32),
          timestampUs: 4711,
        },
        basis: 'data',
      })),
    );
  });

  it('replays to PCR 11, from zeros or from where the firmware left off', () => {
    const log = parse(record('enter-initrd'), record('leave-initrd'));
    const value = replayCelLog(log).get('sha256')?.values.get(11);
    assert.equal(value && hex(value), extended('enter-initrd', 'leave-initrd'));
    const before = Buffer.from(extended('.linux'), 'hex');
    const initial = new Map([['sha256', new Map([[11, before]])]] as const);
    const after = replayCelLog(log, { initial }).get('sha256')?.values.get(11);
    assert.equal(after && hex(after), extended('.linux', 'enter-initrd', 'leave-initrd'));
  });

  it('takes a string for a label where a digest is not its hash, or where there is none', () => {
    const digests = (string: string): object => ({
      digests: [
        { hashAlg: 'sha1', digest: hex(hash('sha1', ascii('ready'))) },
        { hashAlg: 'sha256', digest: sha256(string) },
      ],
    });
    for (const more of [digests('final'), { digests: [] }, { content: {} }]) {
      assert.equal(parse(record('ready', more)).records[0]?.basis, 'label');
    }
    assert.equal(parse(record('ready', digests('ready'))).records[0]?.basis, 'data');
  });

  it('believes nothing for SHA-1 alone', () => {
    const digests = [{ hashAlg: 'sha1', digest: hex(hash('sha1', ascii('ready'))) }];
    assert.equal(parse(record('ready', { digests })).records[0]?.basis, 'label');
  });

  it('has PCRs that it has a digest of, and others that are incomplete', () => {
    const log = parse(
      record('a'),
      record('b', { digests: [{ hashAlg: 'sha1', digest: '00'.repeat(20) }] }),
    );
    const replay = replayCelLog(log).get('sha256');
    assert.deepEqual([...(replay?.incomplete ?? [])], [[11, 1]]);
  });

  it('keeps records of NV indexes apart from PCRs', () => {
    const log = parse(record('product-id:1', { pcr: undefined, nv_index: 0x1d10200 }));
    assert.deepEqual(log.records[0]?.register, { kind: 'nv', index: 0x1d10200 });
    assert.equal(replayCelLog(log).size, 0);
    assert.equal(replayCelLog(log, { of: 'nv' }).get('sha256')?.values.size, 1);
  });

  it('passes over digests of algorithms and content of types that it does not know', () => {
    const [read] = parse(
      record('x', { digests: [{ hashAlg: 'sha3-256', digest: 'ab' }], content_type: 'other' }),
    ).records;
    assert.deepEqual([read?.digests, read?.content], [[], { kind: 'other', type: 'other' }]);
  });

  it('may be one array, as systemd-pcrlock prints it, with events of the firmware', () => {
    const data = ascii('data');
    const event = {
      pcr: 4,
      recnum: 1,
      digests: [{ hashAlg: 'sha256', digest: hex(hash('sha256', data)) }],
      content_type: 'pcclient_std',
      content: { event_type: 5, event_data: hex(data) },
    };
    const [read] = parseCelLog(Buffer.from(JSON.stringify([event]))).records;
    assert.deepEqual(
      [read?.content, read?.basis],
      [{ kind: 'pcclient', claimedType: 5, data: Buffer.from(data) }, 'data'],
    );
  });

  for (const [what, bytes, code] of [
    ['of no bytes', new Uint8Array(), 'LOG_EMPTY'],
    ['that begins otherwise', ascii('{"pcr":11}'), 'CEL_FORMAT'],
    ['of a separator and nothing', ascii(RS), 'CEL_RECORD'],
    ['that ends in a separator', Buffer.concat([sequence(record('a')), ascii(RS)]), 'CEL_RECORD'],
    ['of a record that is no JSON', sequence('{"pcr":'), 'CEL_RECORD'],
    ['of a record that is no object', sequence('[]'), 'CEL_RECORD'],
    ['of a record without a PCR', sequence(record('a', { pcr: undefined })), 'CEL_RECORD'],
    ['of PCR 24', sequence(record('a', { pcr: 24 })), 'CEL_REGISTER'],
    ['of PCR -1', sequence(record('a', { pcr: -1 })), 'CEL_REGISTER'],
    ['of PCR 0.5', sequence(record('a', { pcr: 0.5 })), 'CEL_REGISTER'],
    ['without digests', sequence(record('a', { digests: undefined })), 'CEL_RECORD'],
    [
      'of a digest that is no hex',
      sequence(record('a', { digests: [{ hashAlg: 'sha256', digest: 'x' }] })),
      'CEL_RECORD',
    ],
    [
      'of a digest of another length',
      sequence(record('a', { digests: [{ hashAlg: 'sha256', digest: 'abcd' }] })),
      'SPEC_ID_DIGEST_SIZE',
    ],
    [
      'of two digests of one algorithm',
      sequence(
        record('a', {
          digests: [0, 1].map(() => ({ hashAlg: 'sha256', digest: 'ab'.repeat(32) })),
        }),
      ),
      'DIGEST_DUPLICATE',
    ],
    [
      'of 17 digests',
      sequence(
        record('a', {
          digests: Array.from({ length: 17 }, (_, n) => ({ hashAlg: `x${n}`, digest: 'ab' })),
        }),
      ),
      'DIGEST_COUNT',
    ],
    ['of content that is no object', sequence(record('a', { content: 'a' })), 'CEL_RECORD'],
    ['of a string that is none', sequence(record('a', { content: { string: 1 } })), 'CEL_RECORD'],
    ['of a record of 64 KiB', sequence(record('x'.repeat(65_536))), 'CEL_RECORD'],
    ['nested a hundred thousand deep', Buffer.from('['.repeat(100_000)), 'CEL_RECORD'],
    ['that is no UTF-8', Buffer.concat([ascii(RS), Uint8Array.of(0xff)]), 'CEL_RECORD'],
  ] as const) {
    it(`is refused ${what}: ${code}`, () => {
      assert.throws(() => parseCelLog(bytes), { name: 'ParseError', code });
    });
  }

  it('has a bound on its bytes and its records: LOG_TOO_LARGE, CEL_RECORDS', () => {
    const log = sequence(record('a'), record('b'));
    assert.throws(() => parseCelLog(log, { maxBytes: 10 }), { code: 'LOG_TOO_LARGE' });
    assert.throws(() => parseCelLog(log, { maxRecords: 1 }), { code: 'CEL_RECORDS' });
    assert.throws(() => parseCelLog(Buffer.alloc(70_000, RS)), { code: 'CEL_RECORD' });
  });
});

describe('a canonical event log in TLV', () => {
  const tlv = (type: number, value: Uint8Array): Uint8Array =>
    new Writer().u8(type).u32(value.length).bytes(value).finish();
  const of = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
  const data = ascii('data');
  const digests = tlv(3, tlv(0x0b, hash('sha256', data)));
  const content = tlv(5, of([tlv(0, Uint8Array.of(5)), tlv(1, data)]));
  const whole = of([tlv(0, new Uint8Array(8)), tlv(1, Uint8Array.of(4)), digests, content]);

  it('is read, and its data believed if the digest is its hash', () => {
    const { encoding, records } = parseCelLog(whole);
    assert.equal(encoding, 'tlv');
    assert.deepEqual(
      records.map(({ register, content: read, basis }) => [register.index, read.kind, basis]),
      [[4, 'pcclient', 'data']],
    );
  });

  it('is refused truncated at any offset: TRUNCATED', () => {
    for (let end = 1; end < whole.length; end++) {
      assert.throws(() => parseCelLog(whole.subarray(0, end)), { code: 'TRUNCATED' });
    }
  });

  for (const [what, bytes, code] of [
    ['of PCR 24', of([tlv(0, Uint8Array.of(0)), tlv(1, Uint8Array.of(24))]), 'CEL_REGISTER'],
    ['of no register', of([tlv(0, Uint8Array.of(0)), tlv(9, Uint8Array.of(1))]), 'CEL_RECORD'],
    [
      'of a PCR in five bytes',
      of([tlv(0, Uint8Array.of(0)), tlv(1, new Uint8Array(5))]),
      'CEL_RECORD',
    ],
    ['of a number of nine bytes', tlv(0, new Uint8Array(9)), 'CEL_RECORD'],
    ['whose second record begins otherwise', of([whole, tlv(1, Uint8Array.of(1))]), 'CEL_RECORD'],
  ] as const) {
    it(`is refused ${what}: ${code}`, () => {
      assert.throws(() => parseCelLog(bytes), { name: 'ParseError', code });
    });
  }
});

describe('a canonical event log in CBOR', () => {
  const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'hex');
  const digest = hex(hash('sha256', ascii('data')));
  const record1 = (pairs: string, count = 5): Uint8Array => bytesOf(`81a${count}${pairs}`);
  const good = `00000104038 1a2000b015820${digest}09050aa20005014464617461`.replaceAll(' ', '');

  it('is read, and its data believed if the digest is its hash', () => {
    const { encoding, records } = parseCelLog(record1(good));
    assert.equal(encoding, 'cbor');
    assert.deepEqual(
      records.map(({ register, content, basis }) => [register.index, content.kind, basis]),
      [[4, 'pcclient', 'data']],
    );
  });

  it('is refused truncated at any offset: TRUNCATED', () => {
    const whole = record1(good);
    for (let end = 1; end < whole.length; end++) {
      assert.throws(() => parseCelLog(whole.subarray(0, end)), { code: 'TRUNCATED' });
    }
  });

  const start = `00000104038 0`.replaceAll(' ', '');
  for (const [what, bytes, code] of [
    ['with a byte more', Buffer.concat([record1(good), Uint8Array.of(0)]), 'TRAILING_BYTES'],
    ['of 2^32 records that are not there', bytesOf('9affffffff'), 'TRUNCATED'],
    ['of no known length', bytesOf('9f'), 'CEL_RECORD'],
    ['of a record that is a number', bytesOf('8101'), 'CEL_RECORD'],
    ['of a key that comes twice', bytesOf('81a200000000'), 'CEL_RECORD'],
    ['of PCR 24', bytesOf('81a1011818'), 'CEL_REGISTER'],
    ['of content without its type', bytesOf(`81a3010403800a00`), 'CEL_RECORD'],
    ['of a record that lacks a part', bytesOf('81a10104'), 'CEL_RECORD'],
    ['of content nested nine deep', record1(`${start}09080a${'81'.repeat(9)}00`), 'CEL_DEPTH'],
  ] as const) {
    it(`is refused ${what}: ${code}`, () => {
      assert.throws(() => parseCelLog(bytes), { name: 'ParseError', code });
    });
  }

  it('passes over content of another type, of whatever items', () => {
    const [read] = parseCelLog(record1(`${start}09080aa201c1820102614163616263`)).records;
    assert.deepEqual([read?.content, read?.basis], [{ kind: 'other', type: 8 }, 'label']);
  });
});

describeCorpus('the canonical event logs of the corpus', () => {
  it('CEL 1.1, 5.1.7, is the same in CBOR and as a firmware log', () => {
    const cel = parseCelLog(readFileSync(corpusPath('cel/tcg-cel-1.1-5.1.7.cbor')));
    const log = parseEventLog(readFileSync(corpusPath('cel/tcg-cel-1.1-5.1.7.tcg2.bin')));
    const replay = replayCelLog(cel);
    for (const [bank, values] of replayEventLog(log).banks) {
      assert.deepEqual(replay.get(bank)?.values, values, bank);
    }
    assert.deepEqual(
      cel.records.map(({ basis, content }) => [basis, content.kind]),
      [
        ['label', 'pcclient'],
        ['data', 'pcclient'],
      ],
    );
  });

  it("gotpmtools-agent-cel: 18 records of a register of a confidential VM, each one's digest its content's", () => {
    const cel = parseCelLog(readFileSync(corpusPath('cel/gotpmtools-agent-cel.bin')));
    assert.equal(cel.records.length, 18);
    for (const { register, basis, content } of cel.records) {
      assert.deepEqual(
        [register, basis, content.kind],
        [{ kind: 'cc', index: 4 }, 'data', 'other'],
      );
    }
    assert.equal(replayCelLog(cel).size, 0);
    assert.equal(replayCelLog(cel, { of: 'cc' }).get('sha384')?.values.size, 1);
  });
});
