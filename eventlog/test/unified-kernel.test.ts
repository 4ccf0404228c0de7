import assert from 'node:assert/strict';
import { hash } from '@touchstone/tpm';
import { madeImage, type MadeSection } from '../../test/support/made-image.ts';
import {
  findSection,
  isUnifiedKernel,
  measuredSections,
  parsePeImage,
  readSbat,
  sectionBytes,
} from '../index.ts';

const text = (name: string, content: string, virtualSize?: number): MadeSection => ({
  name,
  data: Buffer.from(content),
  ...(virtualSize === undefined ? {} : { virtualSize }),
});

describe('a unified kernel image', () => {
  const bytes = madeImage({
    sections: [
      text('.sbat', 'sbat,1\n'),
      text('.pcrsig', '{}'),
      text('.initrd', 'initrd', 16),
      text('.cmdline', 'root=/dev/vda2 ro\0\0\0', 18),
      text('.linux', 'kernel'),
    ],
  });
  const image = parsePeImage(bytes);

  it('is an application with a kernel in it', () => {
    assert.ok(isUnifiedKernel(image));
    assert.ok(!isUnifiedKernel(parsePeImage(madeImage({ sections: [text('.text', 'x')] }))));
    const driver = madeImage({ subsystem: 11, sections: [text('.linux', 'kernel')] });
    assert.ok(!isUnifiedKernel(parsePeImage(driver)));
  });

  it('gives the bytes of a section as far as they are loaded', () => {
    const section = findSection(image, '.cmdline');
    assert.ok(section);
    assert.equal(Buffer.from(sectionBytes(bytes, section)).toString(), 'root=/dev/vda2 ro\0');
    assert.equal(findSection(image, '.cmd'), undefined);
  });

  it('is measured section by section in the order of the specification, without its signatures', () => {
    const filled = new Uint8Array(16);
    filled.set(Buffer.from('initrd'));
    const contents = [
      ['.linux', Buffer.from('kernel')],
      ['.cmdline', Buffer.from('root=/dev/vda2 ro\0')],
      ['.initrd', filled],
      ['.sbat', Buffer.from('sbat,1\n')],
    ] as const;
    assert.deepEqual(
      measuredSections(bytes, image, 'sha256'),
      contents.map(([section, content]) => ({
        section,
        name: hash('sha256', Buffer.from(`${section}\0`)),
        content: hash('sha256', content),
      })),
    );
  });

  it('refuses a section far larger in memory than the file is: PE_SECTION_RANGE', () => {
    const vast = madeImage({ sections: [text('.linux', 'kernel', 0xffffffff)] });
    assert.throws(() => measuredSections(vast, parsePeImage(vast), 'sha256'), {
      ...{ name: 'ParseError', code: 'PE_SECTION_RANGE' },
      ...{ field: '.linux.VirtualSize', offset: 0x400 },
    });
  });
});

describe('readSbat', () => {
  const read = (content: string) => {
    const bytes = madeImage({ sections: [text('.sbat', content)] });
    return readSbat(bytes, parsePeImage(bytes));
  };

  it('reads components, generations, and what they say of themselves', () => {
    const shim = 'shim,4,UEFI shim,shim,1,https://github.com/rhboot/shim';
    assert.deepEqual(read(`sbat,1,SBAT Version,sbat,1,https://shim\r\n${shim}\n\0\0`), [
      { component: 'sbat', generation: 1, vendor: 'SBAT Version', product: 'sbat', version: '1' },
      { component: 'shim', generation: 4, vendor: 'UEFI shim', product: 'shim', version: '1' },
    ]);
    const bare = { component: 'shim', generation: 4, vendor: '', product: '', version: '' };
    assert.deepEqual(read('shim,4'), [bare]);
    assert.deepEqual(read(''), []);
  });

  it('gives nothing for an image without the section', () => {
    const bytes = madeImage({ sections: [text('.text', 'x')] });
    assert.equal(readSbat(bytes, parsePeImage(bytes)), undefined);
  });

  for (const [given, content, offset] of [
    ['a generation that is no number', 'sbat,1\nshim,four\n', 7],
    ['a generation of ten digits', 'shim,1000000000', 0],
    ['a line without a generation', 'shim', 0],
    ['a control character', 'shim,1,\u001b[2J', 0],
    ['a seventh field', 'shim,1,a,b,c,d,e', 0],
    ['257 entries', 'shim,1\n'.repeat(257), 256 * 7],
  ] as const) {
    it(`refuses ${given}: PE_SBAT`, () => {
      assert.throws(() => read(content), {
        ...{ name: 'ParseError', code: 'PE_SBAT', field: '.sbat' },
        offset: 0x400 + offset,
      });
    });
  }
});
