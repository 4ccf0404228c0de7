import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  encodeTpmlPcrSelection,
  parseTpmsAttest,
  parseTpmtSignature,
  type BankName,
  pcrDigest,
  Reader,
  readTpmlPcrSelection,
} from '@touchstone/tpm';
import { corpusIt } from '../../test/support/corpus.ts';
import { pcrSelection } from './arbitraries.ts';
import { corpusBytes, corpusJson, hex, quotesWith, throwsCode, unhex } from './corpus.ts';

function parse(bytes: Uint8Array) {
  const reader = new Reader(bytes);
  const selection = readTpmlPcrSelection(reader);
  reader.end('TPML_PCR_SELECTION');
  return selection;
}

describe('TPML_PCR_SELECTION', () => {
  it('round-trips whatever it can hold', () => {
    fc.assert(
      fc.property(pcrSelection, (selection) => {
        assert.deepEqual(parse(encodeTpmlPcrSelection(selection)), selection);
      }),
    );
  });

  it('counts PCRs from the low bit of the first byte', () => {
    const selection = [{ bank: 'sha256' as const, pcrs: [0, 7, 8, 23] }];
    assert.equal(hex(encodeTpmlPcrSelection(selection)), '00000001000b03810180');
    assert.deepEqual(parse(unhex('00000001000b03810180')), selection);
  });

  const accepted = [
    { size: 1, bytes: '00000001000b0181', pcrs: [0, 7] },
    { size: 2, bytes: '00000001000b028101', pcrs: [0, 7, 8] },
    { size: 3, bytes: '00000001000b03000080', pcrs: [23] },
    { size: 4, bytes: '00000001000b0400000080', pcrs: [31] },
  ];
  for (const { size, bytes, pcrs } of accepted) {
    it(`may have a sizeofSelect of ${size}`, () => {
      assert.deepEqual(parse(unhex(bytes)), [{ bank: 'sha256', pcrs }]);
    });
  }

  const refusals = [
    { given: 'a sizeofSelect of 0', bytes: '00000001000b00', code: 'BAD_SIZE' },
    { given: 'a sizeofSelect of 5', bytes: '00000001000b050000000000', code: 'BAD_SIZE' },
    { given: 'a bank twice', bytes: '00000002000b03010000000b03020000', code: 'DUPLICATE_BANK' },
    { given: '17 banks', bytes: '00000011', code: 'TOO_MANY' },
    { given: 'a bank of no hash', bytes: '00000001001003010000', code: 'UNKNOWN_ALGORITHM' },
    { given: 'fewer banks than counted', bytes: '00000002000b03010000', code: 'TRUNCATED' },
    { given: 'a byte more', bytes: '00000001000b0301000000', code: 'TRAILING_BYTES' },
  ];
  for (const { given, bytes, code } of refusals) {
    it(`is refused with ${given}: ${code}`, () => throwsCode(() => parse(unhex(bytes)), code));
  }

  it('is not written with a bank twice or a PCR that is none', () => {
    const twice = [
      { bank: 'sha256' as const, pcrs: [0] },
      { bank: 'sha256' as const, pcrs: [1] },
    ];
    assert.throws(() => encodeTpmlPcrSelection(twice), RangeError);
    assert.throws(() => encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: [32] }]), RangeError);
    assert.throws(() => encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: [-1] }]), RangeError);
  });
});

describe('pcrDigest', () => {
  corpusIt('is the digest that real quotes carry over the values that were sent with them', () => {
    let matched = 0;
    for (const name of quotesWith('sig.bin')) {
      const { quote } = parseTpmsAttest(corpusBytes(`quotes/${name}/quote.msg`));
      const { hash } = parseTpmtSignature(corpusBytes(`quotes/${name}/sig.bin`));
      const values = pcrValues(`quotes/${name}/pcrs.json`);
      if (!quote.pcrSelect.every(({ bank, pcrs }) => pcrs.every((p) => values.get(bank)?.has(p)))) {
        continue;
      }
      const digest = pcrDigest(quote.pcrSelect, values, hash);
      assert.equal(hex(digest), hex(quote.pcrDigest), name);
      matched++;
    }
    assert.ok(matched >= 10, `${matched} quotes with all their values`);
  });

  const one = new Uint8Array(32).fill(1);
  const two = new Uint8Array(32).fill(2);
  const other = new Uint8Array(48).fill(3);
  const values = new Map<BankName, Map<number, Uint8Array>>([
    [
      'sha256',
      new Map([
        [2, two],
        [1, one],
      ]),
    ],
    ['sha384', new Map([[0, other]])],
  ]);

  it('takes banks in the order of the selection and PCRs ascending', () => {
    const digest = pcrDigest(
      [
        { bank: 'sha384', pcrs: [0] },
        { bank: 'sha256', pcrs: [1, 2] },
      ],
      values,
      'sha256',
    );
    const expected = createHash('sha256').update(other).update(one).update(two).digest('hex');
    assert.equal(hex(digest), expected);
  });

  it('refuses a selected PCR without a value: PCR_VALUE_MISSING', () => {
    const selection = [{ bank: 'sha256' as const, pcrs: [1, 3] }];
    throwsCode(() => pcrDigest(selection, values, 'sha256'), 'PCR_VALUE_MISSING', 'pcrs.sha256.3');
  });

  it('refuses a value of another length than its bank: BAD_SIZE', () => {
    const wrong = new Map([['sha256' as const, new Map([[0, other]])]]);
    throwsCode(() => pcrDigest([{ bank: 'sha256', pcrs: [0] }], wrong, 'sha256'), 'BAD_SIZE');
  });
});

function pcrValues(path: string): Map<BankName, Map<number, Uint8Array>> {
  const banks = Object.entries(corpusJson<Record<string, Record<string, string>>>(path));
  return new Map(
    banks.map(([bank, pcrs]) => [
      bank as BankName,
      new Map(Object.entries(pcrs).map(([pcr, value]) => [Number(pcr), unhex(value)])),
    ]),
  );
}
