import assert from 'node:assert/strict';
import { hash, ParseError } from '@touchstone/tpm';
import { madeImage, type MadeImage } from '../../test/support/made-image.ts';
import { type ImageSigner, newImageSigner } from '../../test/support/sign-image.ts';
import { authenticodeDigest, digestOnceSigned, parsePeImage } from '../index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
const SECTIONS: MadeImage['sections'] = [
  { name: '.text', data: filled(512, 1) },
  { name: '.data', data: filled(256, 2), virtualSize: 1_000 },
];
const CERTIFICATES = filled(16, 9);
/** Where the PE header of a made image is, and what in its optional header follows from that. */
const PE = 0x220;
const OPTIONAL = PE + 24;
const CHECKSUM = OPTIONAL + 64;
const sizeOfDirectories = { pe32: 92, 'pe32+': 108 } as const;
const sectionAt = (index: number) => OPTIONAL + 112 + 8 * 16 + 40 * index;

function with32(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  new DataView(changed.buffer).setUint32(at, value, true);
  return changed;
}
function with16(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  new DataView(changed.buffer).setUint16(at, value, true);
  return changed;
}

describe('parsePeImage', () => {
  for (const format of ['pe32', 'pe32+'] as const) {
    it(`reads a ${format} image's layout`, () => {
      const bytes = madeImage({ format, sections: SECTIONS, certificates: CERTIFICATES });
      assert.deepEqual(parsePeImage(bytes), {
        format,
        machine: 0x8664,
        subsystem: 10,
        sizeOfHeaders: 0x400,
        checkSumOffset: CHECKSUM,
        certificateEntryOffset: OPTIONAL + sizeOfDirectories[format] + 4 + 8 * 4,
        certificateTable: { offset: 0x400 + 768, length: 16 },
        sections: [
          ...[{ name: '.text', virtualSize: 512, virtualAddress: 0x1000 }].map((one) => ({
            ...one,
            raw: { offset: 0x400, length: 512 },
          })),
          {
            ...{ name: '.data', virtualSize: 1_000, virtualAddress: 0x1000 },
            raw: { offset: 0x600, length: 256 },
          },
        ],
        length: 0x400 + 768 + 16,
      });
    });
  }

  it('reads an unsigned image, and one whose directory has no place for signatures', () => {
    const { certificateTable, certificateEntryOffset } = parsePeImage(
      madeImage({ sections: SECTIONS }),
    );
    assert.equal(certificateTable, undefined);
    assert.ok(certificateEntryOffset);
    const small = parsePeImage(madeImage({ sections: SECTIONS, directories: 4 }));
    assert.equal(small.certificateEntryOffset, undefined);
  });

  const GOOD = madeImage({ sections: SECTIONS });
  const SIGNED = madeImage({ sections: SECTIONS, certificates: CERTIFICATES });
  const CERTIFICATE_ENTRY = OPTIONAL + 112 + 8 * 4;
  for (const { given, bytes, code, field, offset } of [
    {
      given: 'a file that does not begin with MZ',
      bytes: with16(GOOD, 0, 0x4d5b),
      ...{ code: 'PE_DOS_MAGIC', field: 'e_magic', offset: 0 },
    },
    {
      given: 'a PE header inside the DOS header',
      bytes: with32(GOOD, 60, 63),
      ...{ code: 'PE_HEADER_OFFSET', field: 'e_lfanew', offset: 60 },
    },
    {
      given: 'a PE header behind the file',
      bytes: with32(GOOD, 60, 0xffffffff),
      ...{ code: 'PE_HEADER_OFFSET', field: 'e_lfanew', offset: 60 },
    },
    {
      given: 'no PE header there',
      bytes: with32(GOOD, PE, 0x4551),
      ...{ code: 'PE_SIGNATURE', field: 'Signature', offset: PE },
    },
    {
      given: 'no section',
      bytes: with16(GOOD, PE + 6, 0),
      ...{ code: 'PE_SECTION_COUNT', field: 'FileHeader.NumberOfSections', offset: PE + 6 },
    },
    {
      given: '97 sections',
      bytes: with16(GOOD, PE + 6, 97),
      ...{ code: 'PE_SECTION_COUNT', field: 'FileHeader.NumberOfSections', offset: PE + 6 },
    },
    {
      given: 'another magic',
      bytes: with16(GOOD, OPTIONAL, 0x107),
      ...{ code: 'PE_MAGIC', field: 'OptionalHeader.Magic', offset: OPTIONAL },
    },
    {
      given: 'headers longer than the file',
      bytes: with32(GOOD, OPTIONAL + 60, 0x10000),
      ...{ code: 'PE_SIZE_OF_HEADERS', field: 'OptionalHeader.SizeOfHeaders' },
      offset: OPTIONAL + 60,
    },
    {
      given: 'headers shorter than the section table',
      bytes: with32(GOOD, OPTIONAL + 60, sectionAt(2) - 1),
      ...{ code: 'PE_SIZE_OF_HEADERS', field: 'OptionalHeader.SizeOfHeaders' },
      offset: OPTIONAL + 60,
    },
    {
      given: '17 data directories',
      bytes: with32(GOOD, OPTIONAL + 108, 17),
      ...{ code: 'PE_DIRECTORY_COUNT', field: 'OptionalHeader.NumberOfRvaAndSizes' },
      offset: OPTIONAL + 108,
    },
    {
      given: 'an optional header with room for less than its directories',
      bytes: with16(GOOD, PE + 20, 112 + 8 * 15),
      ...{ code: 'TRUNCATED', field: 'OptionalHeader.DataDirectory' },
      offset: CERTIFICATE_ENTRY + 8,
    },
    {
      given: 'an optional header with room for more',
      bytes: with16(GOOD, PE + 20, 112 + 8 * 17),
      ...{ code: 'TRAILING_BYTES', field: 'OptionalHeader', offset: OPTIONAL + 112 + 8 * 16 },
    },
    {
      given: 'a section that begins in the headers',
      bytes: with32(GOOD, sectionAt(0) + 20, 0x3ff),
      ...{ code: 'PE_SECTION_RANGE', field: 'sections[0].SizeOfRawData', offset: sectionAt(0) },
    },
    {
      given: 'a section that ends behind the file',
      bytes: with32(GOOD, sectionAt(1) + 16, 257),
      ...{ code: 'PE_SECTION_RANGE', field: 'sections[1].SizeOfRawData', offset: sectionAt(1) },
    },
    {
      given: 'a section of 4 GiB from the last byte on',
      bytes: with32(with32(GOOD, sectionAt(1) + 16, 0xffffffff), sectionAt(1) + 20, 0x6ff),
      ...{ code: 'PE_SECTION_RANGE', field: 'sections[1].SizeOfRawData', offset: sectionAt(1) },
    },
    {
      given: 'a section that reaches into the signatures',
      bytes: with32(SIGNED, sectionAt(1) + 16, 257),
      ...{ code: 'PE_SECTION_RANGE', field: 'sections[1].SizeOfRawData', offset: sectionAt(1) },
    },
    {
      given: 'two sections that share a byte',
      bytes: with32(GOOD, sectionAt(1) + 20, 0x5ff),
      ...{ code: 'PE_SECTION_OVERLAP', field: 'sections[1].PointerToRawData' },
      offset: sectionAt(1) + 20,
    },
    {
      given: 'signatures that are not the end of the file',
      bytes: Uint8Array.from([...SIGNED, 0]),
      ...{ code: 'PE_CERTIFICATE_TABLE', field: 'CertificateTable.Size' },
      offset: CERTIFICATE_ENTRY,
    },
    {
      given: 'signatures that are longer than the file',
      bytes: with32(SIGNED, CERTIFICATE_ENTRY + 4, 17),
      ...{ code: 'PE_CERTIFICATE_TABLE', field: 'CertificateTable.Size' },
      offset: CERTIFICATE_ENTRY,
    },
  ]) {
    it(`refuses ${given}: ${code}`, () => {
      assert.throws(() => parsePeImage(bytes), { name: 'ParseError', code, field, offset });
    });
  }

  it('refuses an image truncated at any offset', () => {
    for (let length = 0; length < SIGNED.length; length++) {
      assert.throws(() => parsePeImage(SIGNED.subarray(0, length)), ParseError, `${length} bytes`);
    }
  });
});

describe('authenticodeDigest', () => {
  const digest = (bytes: Uint8Array) => hex(authenticodeDigest(bytes, 'sha256'));

  it('is over headers without checksum and certificate entry, sections in order, what is left', () => {
    const trailing = filled(24, 3);
    const bytes = madeImage({ sections: SECTIONS, trailing, certificates: CERTIFICATES });
    const entry = OPTIONAL + 112 + 8 * 4;
    const expected = [
      bytes.subarray(0, CHECKSUM),
      bytes.subarray(CHECKSUM + 4, entry),
      bytes.subarray(entry + 8, bytes.length - CERTIFICATES.length),
    ];
    for (const bank of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
      assert.deepEqual(authenticodeDigest(bytes, bank), hash(bank, ...expected));
    }
  });

  it('takes sections by their place in the file, not in the table', () => {
    const bytes = madeImage({ sections: SECTIONS, reversed: true });
    const entry = OPTIONAL + 112 + 8 * 4;
    const headers = [bytes.subarray(0, CHECKSUM), bytes.subarray(CHECKSUM + 4, entry)];
    const expected = hash('sha256', ...headers, bytes.subarray(entry + 8));
    assert.deepEqual(authenticodeDigest(bytes, 'sha256'), expected);
  });

  it('skips no entry where the directory has no place for signatures', () => {
    const bytes = madeImage({ sections: SECTIONS, directories: 4 });
    const parts = [bytes.subarray(0, CHECKSUM), bytes.subarray(CHECKSUM + 4)];
    assert.deepEqual(authenticodeDigest(bytes, 'sha256'), hash('sha256', ...parts));
  });

  it('begins what is left at the sum of what was hashed, as firmware does, where sections have gaps', () => {
    const [text, gap, data] = [filled(512, 1), filled(100, 4), filled(256, 2)];
    const together = madeImage({
      sections: [
        { name: '.text', data: text },
        { name: '.data', data: Uint8Array.from([...gap, ...data]) },
      ],
    });
    const at = sectionAt(1);
    const bytes = with32(with32(together, at + 16, 256), at + 20, 0x400 + 512 + 100);
    const entry = OPTIONAL + 112 + 8 * 4;
    const expected = [
      ...[bytes.subarray(0, CHECKSUM), bytes.subarray(CHECKSUM + 4, entry)],
      ...[bytes.subarray(entry + 8, 0x400), text, data, bytes.subarray(0x400 + 512 + 256)],
    ];
    assert.deepEqual(authenticodeDigest(bytes, 'sha256'), hash('sha256', ...expected));
  });

  it('changes with each byte of the file but the checksum, the entry and the signatures', () => {
    const bytes = madeImage({ sections: SECTIONS, certificates: CERTIFICATES });
    const { certificateEntryOffset: entry = 0, certificateTable } = parsePeImage(bytes);
    const before = digest(bytes);
    const isLeftOut = (at: number) =>
      (at >= CHECKSUM && at < CHECKSUM + 4) || at >= (certificateTable?.offset ?? 0);
    for (let at = 0; at < bytes.length; at++) {
      if (at >= entry && at < entry + 8) continue;
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      let after: string;
      try {
        after = digest(changed);
      } catch (error) {
        assert.ok(error instanceof ParseError);
        continue;
      }
      assert.equal(after === before, isLeftOut(at), `byte ${at}`);
    }
  });

  describe('and the second opinion of osslsigncode', () => {
    let signer: ImageSigner;
    before(() => {
      signer = newImageSigner();
    });
    after(() => signer.leave());

    for (const [given, made] of [
      ['a PE32+ image', { sections: SECTIONS }],
      ['a PE32 image', { sections: SECTIONS, format: 'pe32' }],
      ['sections out of order', { sections: SECTIONS, reversed: true }],
      ['what follows the sections', { sections: SECTIONS, trailing: filled(40, 5) }],
      ['a length that is no multiple of 8', { sections: SECTIONS, trailing: filled(5, 5) }],
    ] as const satisfies readonly (readonly [string, MadeImage])[]) {
      it(`agree on ${given}, and on what it will be once signed`, () => {
        const image = madeImage(made);
        const signed = signer.sign(image);
        assert.ok(parsePeImage(signed).certificateTable);
        assert.equal(digest(signed), signer.digestOf(signed));
        assert.equal(hex(digestOnceSigned(image, 'sha256')), digest(signed));
        assert.equal(hex(digestOnceSigned(signed, 'sha256')), digest(signed));
        assert.equal(digest(image) === digest(signed), image.length % 8 === 0);
      });
    }
  });
});
