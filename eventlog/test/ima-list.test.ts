import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ParseError } from '@touchstone/tpm';
import { hasOwnDigest, imaEntries, type ImaLimits, openImaList } from '../index.ts';
import * as sample from '../../test/support/made-ima.ts';
import {
  asciiList,
  binaryList,
  digestOf,
  fileFields,
  nothing,
  type SampleEntry,
} from '../../test/support/made-ima.ts';

const SIGNATURE = Uint8Array.of(3, 2, 4, 1, 2, 3, 4, 0, 1, 9);
const PATH = '/usr/bin/bash';
const v2 = (type: string) => sample.named(`${type}:sha256`, digestOf(PATH));

/** Every template of the kernel, and such as administrators make of its fields. */
const ENTRIES: readonly SampleEntry[] = [
  { template: 'ima', fields: [sample.raw(digestOf(PATH, 'sha1')), sample.name(PATH)] },
  { template: 'ima-ng', fields: fileFields(PATH) },
  { template: 'ima-sig', fields: [...fileFields(PATH), sample.raw(SIGNATURE)] },
  { template: 'ima-sig', fields: [...fileFields(PATH), nothing] },
  { template: 'ima-ngv2', fields: [v2('ima'), sample.name(PATH)] },
  { template: 'ima-sigv2', fields: [v2('verity'), sample.name(PATH), sample.raw(SIGNATURE)] },
  { template: 'ima-buf', fields: [...fileFields('.ima'), sample.raw(sample.ascii('a key'))] },
  {
    template: 'ima-modsig',
    fields: [...fileFields(PATH), nothing, v2('ima'), sample.raw(SIGNATURE)],
  },
  {
    template: 'ima-modsig',
    fields: [...fileFields(PATH), sample.raw(SIGNATURE), nothing, nothing],
  },
  {
    template: 'evm-sig',
    fields: [
      ...[...fileFields(PATH), sample.raw(SIGNATURE), sample.name('security.ima|security.evm')],
      ...[sample.raw(Uint8Array.of(8, 0, 0, 0)), sample.raw(SIGNATURE)],
      ...[sample.number(1_000, 4), sample.number(0, 4), sample.number(0o100755, 2)],
    ],
  },
  { template: 'd-ng|n-ng|iuid', fields: [...fileFields(PATH), sample.number(7, 4)] },
  { template: 'n-ng|d', fields: [sample.name(PATH), sample.raw(digestOf(PATH, 'sha1'))] },
  { template: 'd-type|n', fields: [sample.name('ima'), sample.name(PATH)] },
  { template: 'ima-ng', fields: fileFields('/var/log/x'), violation: true },
  { template: 'ima-ng', fields: fileFields('/opt/x'), pcr: 9 },
];

describe("IMA's list", () => {
  for (const [format, list] of [
    ['binary', binaryList],
    ['ascii', asciiList],
  ] as const) {
    describe(format, () => {
      it('is read in every template, the data under the hash as the kernel had it', () => {
        const found = [...imaEntries(list(...ENTRIES))];
        assert.deepEqual(
          found.map(({ template, pcr, violation, data }) => ({
            template,
            pcr,
            violation,
            data: Buffer.from(data),
          })),
          ENTRIES.map((entry) => ({
            template: entry.template,
            pcr: entry.pcr ?? 10,
            violation: entry.violation ?? false,
            data: Buffer.from(sample.dataOfSample(entry)),
          })),
        );
        const cursor = openImaList(list(...ENTRIES));
        while (cursor.next()) assert.equal(hasOwnDigest(cursor), !cursor.violation);
        assert.equal(cursor.form.format, format);
      });

      it('shows digest, name, signature and buffer by the template', () => {
        const [ima, , signed, , , verity, buffer, modsig] = imaEntries(list(...ENTRIES));
        assert.deepEqual([ima?.digest?.algorithm, ima?.digest?.value.length], ['sha1', 20]);
        assert.equal(Buffer.from(ima!.name!).toString(), PATH);
        assert.deepEqual(Buffer.from(signed!.signature!), Buffer.from(SIGNATURE));
        assert.deepEqual(signed!.digest, {
          algorithm: 'sha256',
          type: 'ima',
          value: Buffer.from(digestOf(PATH)),
        });
        assert.equal(verity?.digest?.type, 'verity');
        assert.equal(Buffer.from(buffer!.buffer!).toString(), 'a key');
        assert.equal(modsig?.modsigDigest?.algorithm, 'sha256');
        assert.deepEqual(Buffer.from(modsig.modsig!), Buffer.from(SIGNATURE));
      });

      it('is read in the lists by bank of newer kernels, the bank told by the digests', () => {
        for (const bank of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'] as const) {
          const bytes = list(...ENTRIES.map((entry) => ({ ...entry, bank })));
          assert.equal(openImaList(bytes).form.digestBank, bank);
          assert.equal([...imaEntries(bytes)].length, ENTRIES.length);
        }
      });

      it('is a list without entries where it has no bytes', () => {
        assert.deepEqual([...imaEntries(new Uint8Array())], []);
      });

      it('with more entries, or more data in one, than the limit is refused', () => {
        const bytes = list(...ENTRIES);
        const reading = (limits: Partial<ImaLimits>) => () => [...imaEntries(bytes, limits)];
        assert.throws(reading({ maxEntries: 3 }), { code: 'IMA_TOO_MANY_ENTRIES' });
        assert.throws(reading({ maxBytes: 100 }), { code: 'IMA_TOO_LARGE', field: 'list' });
        assert.throws(reading({ maxDataBytes: 30 }), { code: 'IMA_DATA' });
      });
    });
  }

  it('in text and in bytes is the same list', () => {
    const same = fc.record({
      template: fc.constantFrom('ima-ng', 'ima-sig', 'n-ng|d-ng', 'ima-buf', 'd-ng|n-ng|imode'),
      path: fc.stringMatching(/^\/[!-~]{0,60}$/u),
      more: fc.uint8Array({ maxLength: 80 }),
      violation: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(same, { minLength: 1, maxLength: 8 }), (drawn) => {
        const entries = drawn.map(({ template, path, more, violation }): SampleEntry => {
          const [digest, file] = fileFields(path) as [sample.SampleField, sample.SampleField];
          const last = template.endsWith('imode')
            ? sample.number(more.length, 2)
            : sample.raw(more);
          const ordered = template.startsWith('n-ng') ? [file, digest] : [digest, file];
          return {
            ...{ template, violation },
            fields:
              template === 'ima-ng' || template === 'n-ng|d-ng' ? ordered : [...ordered, last],
          };
        });
        const [binary, text] = [
          [...imaEntries(binaryList(...entries))],
          [...imaEntries(asciiList(...entries))],
        ];
        for (const [at, entry] of binary.entries()) {
          const { offset, data, templateDigest, ...rest } = text[at]!;
          assert.ok(offset >= 0);
          assert.deepEqual(Buffer.from(data), Buffer.from(entry.data));
          assert.deepEqual(Buffer.from(templateDigest), Buffer.from(entry.templateDigest));
          assert.equal(rest.template, entry.template);
        }
        assert.equal(text.length, entries.length);
      }),
      { numRuns: 60 },
    );
  });

  const whole = binaryList(...ENTRIES.slice(0, 8));
  it('is refused cut at any byte that is not between two entries', () => {
    const between = new Set([...imaEntries(whole)].map(({ offset }) => offset));
    for (let length = 1; length < whole.length; length += 1) {
      const read = () => [...imaEntries(whole.subarray(0, length))];
      if (between.has(length)) assert.ok(read().length > 0);
      else assert.throws(read, (error) => error instanceof ParseError && error.offset <= length);
    }
  });

  const [ng] = [binaryList({ template: 'ima-ng', fields: fileFields(PATH) })];
  const patched = (at: number, ...bytes: readonly number[]): Uint8Array => {
    const copy = Uint8Array.from(ng);
    copy.set(bytes, at);
    return copy;
  };
  const line = (text: string) => sample.ascii(text);
  const column = 'ab'.repeat(20);
  const REFUSED: readonly (readonly [
    given: string,
    bytes: Uint8Array,
    code: string,
    field: string,
  ])[] = [
    ['bytes that are neither', line('this-is-no-list'), 'IMA_FORMAT', 'list'],
    ['a line feed first', line('\n10 '), 'IMA_FORMAT', 'list'],
    ['PCR 24', patched(0, 24, 0, 0, 0), 'IMA_FORMAT', 'list'],
    ['PCR 266', patched(0, 10, 0, 1, 0), 'IMA_PCR_INDEX', 'entries[0].pcr'],
    [
      'a template name of no length',
      patched(24, 0, 0, 0, 0),
      'IMA_TEMPLATE',
      'entries[0].templateName.length',
    ],
    [
      'a template name of 4 GiB',
      patched(24, 255, 255, 255, 255),
      'IMA_TEMPLATE',
      'entries[0].templateName.length',
    ],
    ['an unknown template', patched(28, 0x78), 'IMA_TEMPLATE', 'entries[0].templateName'],
    ['data of 4 GiB', patched(34, 255, 255, 255, 255), 'IMA_DATA', 'entries[0].data.length'],
    ['more data than there are bytes', patched(34, 255, 0, 0, 0), 'TRUNCATED', 'entries[0].data'],
    ['a field longer than the data', patched(38, 255, 255, 0, 0), 'TRUNCATED', 'entries[0].d-ng'],
    ['a digest without its colon', patched(48, 0x3b), 'IMA_FIELD', 'entries[0].d-ng'],
    [
      'a digest without its NUL',
      patched(
        49,
        0x3b,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
      ),
      'IMA_FIELD',
      'entries[0].d-ng',
    ],
    ['a name without its NUL', patched(ng.length - 1, 1), 'IMA_FIELD', 'entries[0].n-ng'],
    [
      'a field twice',
      binaryList({ template: 'n|n', fields: [nothing, nothing] }),
      'IMA_TEMPLATE',
      'entries[0].templateName',
    ],
    [
      'sixteen fields',
      binaryList({ template: Array(16).fill('n').join('|'), fields: [] }),
      'IMA_TEMPLATE',
      'entries[0].templateName',
    ],
    [
      'a number of three bytes',
      binaryList({ template: 'iuid', fields: [sample.raw(Uint8Array.of(1, 2, 3))] }),
      'IMA_FIELD',
      'entries[0].iuid',
    ],
    [
      'data left over',
      binaryList({ template: 'sig', fields: [nothing, nothing] }),
      'TRAILING_BYTES',
      'entries[0].data',
    ],
    [
      'a line of PCR 24',
      line(`24 ${column} ima-ng sha256:ab /x\n`),
      'IMA_PCR_INDEX',
      'entries[0].pcr',
    ],
    [
      'a column in capitals',
      line(`10 ${'AB'.repeat(20)} ima-ng sha256:ab /x\n`),
      'IMA_TEMPLATE_DIGEST',
      'entries[0].templateDigest',
    ],
    [
      'a column of another size',
      line(`10 ${column}ab ima-ng sha256:ab /x\n`),
      'IMA_TEMPLATE_DIGEST',
      'entries[0].templateDigest',
    ],
    [
      'a line that ends early',
      line(`10 ${column} ima-n`),
      'IMA_TEMPLATE',
      'entries[0].templateName',
    ],
    [
      'a digest without algorithm',
      line(`10 ${column} ima-ng abab /x\n`),
      'IMA_FIELD',
      'entries[0].d-ng',
    ],
    [
      'a digest of half a byte',
      line(`10 ${column} ima-ng sha256:aba /x\n`),
      'IMA_FIELD',
      'entries[0].d-ng',
    ],
    [
      'a word too many',
      line(`10 ${column} ima-sig sha256:ab /x ab cd\n`),
      'TRAILING_BYTES',
      'entries[0].line',
    ],
    [
      'an empty line',
      line(`10 ${column} ima-ng sha256:ab /x\n\n`),
      'IMA_PCR_INDEX',
      'entries[1].pcr',
    ],
    [
      'a number past 32 bits',
      line(`10 ${column} iuid 4294967296\n`),
      'IMA_FIELD',
      'entries[0].iuid',
    ],
  ];
  for (const [given, bytes, code, field] of REFUSED) {
    it(`is refused with ${given}: ${code}`, () => {
      assert.throws(() => [...imaEntries(bytes)], { name: 'ParseError', code, field });
    });
  }

  it('takes a last line without its end, and a path with spaces where the path is last', () => {
    const [entry] = imaEntries(line(`10 ${column} ima-ng sha256:ab /a path (deleted)`));
    assert.equal(Buffer.from(entry!.name!).toString(), '/a path (deleted)');
  });
});
