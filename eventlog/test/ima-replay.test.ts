import assert from 'node:assert/strict';
import { type BankName, hash, hashOfBank } from '@touchstone/tpm';
import { findImaPrefix, openImaList, surveyImaList } from '../index.ts';
import {
  asciiList,
  binaryList,
  dataOfSample,
  fileFields,
  type SampleEntry,
} from '../../test/support/made-ima.ts';

const file = (path: string, more: Partial<SampleEntry> = {}): SampleEntry => ({
  template: 'ima-ng',
  fields: fileFields(path),
  ...more,
});
const ENTRIES = [
  file('boot_aggregate'),
  file('/usr/bin/a'),
  file('/var/log/b', { violation: true }),
  file('/usr/bin/c'),
];

/** PCR 10 as a kernel leaves it: the specification once more, in words of its own. */
function pcrAfter(entries: readonly SampleEntry[], bank: BankName, padded = false): Uint8Array {
  const { size } = hashOfBank(bank);
  const used = padded ? 'sha1' : bank;
  return entries.reduce((pcr: Uint8Array, entry) => {
    const digest =
      entry.violation === true
        ? new Uint8Array(hashOfBank(used).size).fill(0xff)
        : hash(used, dataOfSample(entry));
    return hash(bank, pcr, digest, new Uint8Array(size - digest.length));
  }, new Uint8Array(size));
}
const search = (
  list: Uint8Array,
  quoted: readonly (readonly [BankName, Uint8Array])[],
  more: Omit<Parameters<typeof findImaPrefix>[1], 'quoted'> = {},
) => findImaPrefix(() => openImaList(list), { quoted: new Map(quoted), ...more });

describe("The replay of IMA's list", () => {
  for (const [format, list] of [
    ['binary', binaryList(...ENTRIES)],
    ['ascii', asciiList(...ENTRIES)],
  ] as const) {
    it(`finds each prefix by its PCR, in a list (${format}) that is longer`, () => {
      for (let count = 0; count <= ENTRIES.length; count += 1) {
        for (const bank of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'] as const) {
          const found = search(list, [[bank, pcrAfter(ENTRIES.slice(0, count), bank)]]);
          assert.deepEqual([found?.entries, found?.styles.get(bank)], [count, 'hash']);
        }
      }
    });

    it(`finds SHA-1 with zeros behind it, bank by bank (${format})`, () => {
      const quoted = [
        ['sha1', pcrAfter(ENTRIES, 'sha1')],
        ['sha256', pcrAfter(ENTRIES, 'sha256')],
        ['sha384', pcrAfter(ENTRIES, 'sha384', true)],
      ] as const;
      const found = search(list, quoted);
      assert.equal(found?.entries, 4);
      assert.deepEqual([...found.styles.values()], ['hash', 'hash', 'padded']);
    });
  }

  const list = binaryList(...ENTRIES);
  it('finds none where the banks fit at different entries', () => {
    const quoted = [
      ['sha256', pcrAfter(ENTRIES, 'sha256')],
      ['sha384', pcrAfter(ENTRIES.slice(0, 2), 'sha384')],
    ] as const;
    assert.equal(search(list, quoted), undefined);
  });

  it('finds none in a list with an entry changed, dropped, added or moved', () => {
    const quoted = [['sha256', pcrAfter(ENTRIES, 'sha256')]] as const;
    const [first, second, third, fourth] = ENTRIES as [
      SampleEntry,
      SampleEntry,
      SampleEntry,
      SampleEntry,
    ];
    for (const entries of [
      [first, file('/usr/bin/x'), third, fourth],
      [first, third, fourth],
      [first, second, second, third, fourth],
      [first, third, second, fourth],
      [first, second, { ...third, violation: false }, fourth],
      [first, { ...second, violation: true }, third, fourth],
      ENTRIES.slice(0, 3),
    ]) {
      assert.equal(search(binaryList(...entries), quoted), undefined);
    }
  });

  it('goes on from where an earlier part ended, in the style that was found', () => {
    const rest = binaryList(...ENTRIES.slice(2));
    const quoted = [['sha256', pcrAfter(ENTRIES, 'sha256', true)]] as const;
    const before = new Map([['sha256', pcrAfter(ENTRIES.slice(0, 2), 'sha256', true)]] as const);
    const from = (style: 'hash' | 'padded') => ({
      before,
      styles: new Map([['sha256', style]] as const),
    });
    assert.equal(search(rest, quoted, from('padded'))?.entries, 2);
    assert.equal(search(rest, quoted, from('hash')), undefined);
    assert.equal(search(rest, quoted), undefined);
  });

  it('reads no further than the quote, and refuses what it has to read', () => {
    const cut = Buffer.concat([list, Buffer.of(10, 0)]);
    const quoted = (entries: readonly SampleEntry[]) =>
      [['sha256', pcrAfter(entries, 'sha256')]] as const;
    assert.equal(search(cut, quoted(ENTRIES))?.entries, 4);
    assert.throws(() => search(cut, quoted([...ENTRIES, file('/usr/bin/d')])), {
      code: 'TRUNCATED',
    });
  });

  it('passes over entries of another PCR', () => {
    const other = binaryList(ENTRIES[0]!, file('/x', { pcr: 11 }), ENTRIES[1]!);
    const quoted = [['sha256', pcrAfter(ENTRIES.slice(0, 2), 'sha256')]] as const;
    assert.equal(search(other, quoted)?.entries, 3);
    assert.deepEqual([...surveyImaList(other).pcrs.keys()], [10, 11]);
  });

  it('without a bank finds nothing', () => {
    assert.equal(search(list, []), undefined);
  });

  it('tells how many entries are not what their column says, and the first', () => {
    const wrong = file('/usr/bin/x', { column: new Uint8Array(20).fill(1) });
    const { mismatches, violations, entries } = surveyImaList(binaryList(...ENTRIES, wrong, wrong));
    assert.deepEqual([mismatches, violations, entries], [{ count: 2, first: 4 }, 1, 6]);
  });
});

describe("A hostile list of IMA's", () => {
  const MIB = 1024 * 1024;
  /** Measured on two busy cores: 2.4 s for the first, 1.4 s for the second, under 0.1 s for the others. */
  const SECONDS = 25;
  const seconds = (work: () => void): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };

  it('of 64 MiB in the smallest entries is read in bounded time, and in no more memory than its own', () => {
    const entry = binaryList({ template: 'n', fields: [{ bytes: Uint8Array.of(0), text: '' }] });
    const list = Buffer.alloc(entry.length * Math.floor((64 * MIB) / entry.length), entry);
    const before = process.memoryUsage().arrayBuffers;
    const took = seconds(() => {
      assert.equal(surveyImaList(list).entries, list.length / entry.length);
    });
    assert.ok(took < SECONDS, `${took} s`);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 64 * MIB, `${grown} bytes`);
  });

  it('of 64 MiB on one line is refused: IMA_TEMPLATE_DIGEST, IMA_DATA', () => {
    const list = Buffer.concat([Buffer.from('10 '), Buffer.alloc(MIB, 'a')]);
    assert.ok(
      seconds(() => assert.throws(() => surveyImaList(list), { code: 'IMA_TEMPLATE_DIGEST' })) < 5,
    );
    const long = Buffer.concat([
      Buffer.from(`10 ${'ab'.repeat(20)} ima-sig sha256:ab /x `),
      Buffer.alloc(64 * MIB, 'a'),
    ]);
    assert.ok(seconds(() => assert.throws(() => surveyImaList(long), { code: 'IMA_DATA' })) < 5);
  });

  it('of one byte over 256 MiB is refused before it is read: IMA_TOO_LARGE', () => {
    const list = new Uint8Array(256 * MIB + 1);
    assert.ok(
      seconds(() => assert.throws(() => surveyImaList(list), { code: 'IMA_TOO_LARGE' })) < 1,
    );
  });
});
