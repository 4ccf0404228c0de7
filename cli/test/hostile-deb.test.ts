import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ParseError } from '@touchstone/tpm';
import {
  controlMember,
  dataMember,
  madeAr,
  madeControl,
  madeDeb,
  type MadeEntry,
  type MadeMember,
  madeTar,
  VERSION_MEMBER,
} from '../../test/support/made-deb.ts';
import { madeImage } from '../../test/support/made-image.ts';
import { DEB_LIMITS, type DebLimits } from '../import/deb/deb-limits.ts';
import { type DebPackage, readDebPackage } from '../import/deb/deb-package.ts';
import { withFile } from '../import/file-source.ts';

const IMAGE = madeImage({
  linuxHeader: true,
  sections: [{ name: '.text', data: new Uint8Array(64) }],
});
const FILE: MadeEntry = { path: './boot/vmlinuz-1', data: IMAGE };
const GOOD = madeDeb([FILE]);
const withData = (...members: readonly MadeMember[]) =>
  madeAr([VERSION_MEMBER, controlMember(), ...members]);
/** Where the content of the data begins; what a part's own errors count from. */
const DATA_AT = GOOD.indexOf('data.tar.gz') + 60;

function changed(bytes: Uint8Array, at: number, text: string): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.write(text, at, 'latin1');
  return copy;
}

describe('a hostile package', () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'touchstone-deb-'));
  });
  after(() => rmSync(home, { recursive: true }));

  function read(bytes: Uint8Array, limits: Partial<DebLimits> = {}): Promise<DebPackage> {
    const file = join(home, 'made.deb');
    writeFileSync(file, bytes);
    return withFile(file, (source) =>
      readDebPackage(source, ['sha256'], { ...DEB_LIMITS, ...limits }),
    );
  }
  const pathsOf = async (bytes: Uint8Array) => (await read(bytes)).images.map(({ path }) => path);

  it('is read when there is nothing wrong with it', async () => {
    assert.deepEqual(await pathsOf(GOOD), ['boot/vmlinuz-1']);
  });

  const tar = madeTar([FILE]);
  const sizeAt = 8 + 48;
  for (const { given, bytes, code, field, offset, limits } of [
    {
      given: 'another magic',
      bytes: changed(GOOD, 0, '!<erch>'),
      ...{ code: 'DEB_MAGIC', field: 'magic', offset: 0 },
    },
    {
      given: 'a version of 3',
      bytes: changed(GOOD, 8 + 60, '3'),
      ...{ code: 'DEB_VERSION', field: 'debian-binary', offset: 68 },
    },
    {
      given: 'a member whose header does not end as one',
      bytes: changed(GOOD, 8 + 58, 'xx'),
      ...{ code: 'DEB_MEMBER_HEADER', field: 'ar_fmag', offset: 8 + 58 },
    },
    {
      given: 'a negative size',
      bytes: changed(GOOD, sizeAt, '-4'),
      ...{ code: 'DEB_MEMBER_HEADER', field: 'ar_size', offset: sizeAt },
    },
    {
      given: 'a size beyond the file',
      bytes: changed(GOOD, sizeAt, '9999999999'),
      ...{ code: 'DEB_MEMBER_HEADER', field: 'ar_size', offset: sizeAt },
    },
    {
      given: 'no version',
      bytes: madeAr([controlMember(), dataMember(tar)]),
      ...{ code: 'DEB_MEMBER', field: 'debian-binary', offset: 8 },
    },
    {
      given: 'its data before its control',
      bytes: madeAr([VERSION_MEMBER, dataMember(tar), controlMember()]),
      ...{ code: 'DEB_MEMBER', field: 'data.tar.gz', offset: 72 },
    },
    {
      given: 'no data',
      bytes: madeAr([VERSION_MEMBER, controlMember()]),
      ...{ code: 'DEB_MEMBER', field: 'data.tar', offset: DATA_AT - 60 },
    },
    {
      given: 'two sets of data',
      bytes: withData(dataMember(tar), dataMember(tar)),
      ...{ code: 'DEB_MEMBER', field: 'data.tar', offset: GOOD.length },
    },
    {
      given: 'more members than are looked at',
      bytes: withData(...Array.from({ length: 17 }, () => ({ name: '_x', data: IMAGE }))),
      ...{ code: 'DEB_MEMBER', field: 'data.tar', offset: undefined },
    },
    {
      given: 'a compression that is not known',
      bytes: withData({ name: 'data.tar.bz2', data: tar }),
      ...{ code: 'DEB_COMPRESSION', field: 'data.tar.bz2', offset: DATA_AT },
    },
    {
      given: 'another compression than it says',
      bytes: withData({ name: 'data.tar.xz', data: gzipSync(tar) }),
      ...{ code: 'DEB_DAMAGED', field: 'data.tar.xz', offset: DATA_AT },
    },
    {
      given: 'a file larger than the limit',
      bytes: GOOD,
      limits: { maxBytes: 100 },
      ...{ code: 'DEB_TOO_LARGE', field: 'file', offset: 100 },
    },
    {
      given: 'gzip that expands past the limit',
      bytes: withData(dataMember(Buffer.alloc(32_000_000))),
      limits: { maxExpandedBytes: 1_000_000 },
      ...{ code: 'DEB_EXPANDS', field: 'data.tar.gz', offset: 1_000_000 },
    },
    {
      given: 'zstd that expands past the limit',
      bytes: withData({ name: 'data.tar.zst', data: zstdCompressSync(Buffer.alloc(32_000_000)) }),
      limits: { maxExpandedBytes: 1_000_000 },
      ...{ code: 'DEB_EXPANDS', field: 'data.tar.zst', offset: 1_000_000 },
    },
    {
      given: 'more files than the limit',
      bytes: madeDeb([FILE, { path: './a' }, { path: './b' }]),
      limits: { maxFiles: 2 },
      ...{ code: 'DEB_TOO_MANY_FILES', field: 'tar', offset: undefined },
    },
    {
      given: 'an image larger than the limit',
      bytes: GOOD,
      limits: { maxImageBytes: 100 },
      ...{ code: 'DEB_FILE_TOO_LARGE', field: 'boot/vmlinuz-1', offset: 100 },
    },
    {
      given: 'a file that says it has 8 GiB and has not',
      bytes: madeDeb([{ ...FILE, size: 0o77777777777 }]),
      ...{ code: 'DEB_FILE_TOO_LARGE', field: 'boot/vmlinuz-1', offset: undefined },
    },
    {
      given: 'an image of which the end is missing',
      bytes: madeDeb([{ ...FILE, size: 100_000 }]),
      ...{ code: 'DEB_TAR_END', field: 'boot/vmlinuz-1', offset: undefined },
    },
    {
      given: 'a damaged list of files',
      bytes: withData(dataMember(changed(tar, 0, 'x'))),
      ...{ code: 'DEB_TAR_HEADER', field: 'tar.chksum', offset: 148 },
    },
    {
      given: 'a kind of file that is not known',
      bytes: madeDeb([{ path: './x', type: 'S' }]),
      ...{ code: 'DEB_TAR_HEADER', field: 'tar.typeflag', offset: 156 },
    },
    {
      given: 'a link with content',
      bytes: madeDeb([{ path: './x', type: '2', data: IMAGE }]),
      ...{ code: 'DEB_TAR_HEADER', field: 'tar.size', offset: 124 },
    },
    {
      given: 'a path of 5,000 bytes',
      bytes: madeDeb([{ ...FILE, path: `./${'a/'.repeat(2_500)}` }]),
      ...{ code: 'DEB_TAR_HEADER', field: 'tar.size', offset: 0 },
    },
    {
      given: 'a list of files without an end',
      bytes: withData(dataMember(madeTar([FILE], new Uint8Array()))),
      ...{ code: 'DEB_TAR_END', field: 'tar', offset: undefined },
    },
    {
      given: 'a second list of files behind the first',
      bytes: withData(dataMember(Buffer.concat([tar, madeTar([FILE])]))),
      ...{ code: 'DEB_TAR_END', field: 'tar', offset: tar.length },
    },
    {
      given: 'one image twice',
      bytes: madeDeb([FILE, FILE]),
      ...{ code: 'DEB_FILE_TWICE', field: 'boot/vmlinuz-1', offset: undefined },
    },
    {
      given: 'a kernel that is no image',
      bytes: madeDeb([{ ...FILE, data: new TextEncoder().encode('MZ, or so it says') }]),
      ...{ code: 'TRUNCATED', field: 'boot/vmlinuz-1: DosHeader', offset: 2 },
    },
    {
      given: 'a control without a version',
      bytes: madeDeb([FILE], { Package: 'made' }),
      ...{ code: 'DEB_CONTROL', field: 'Version', offset: 0 },
    },
    {
      given: 'a name with an escape sequence',
      bytes: madeDeb([FILE], { Package: 'ma\u001b[2Jde', Version: '1' }),
      ...{ code: 'DEB_CONTROL', field: 'Package', offset: 0 },
    },
    {
      given: 'a field of control twice',
      bytes: madeDeb([FILE], { Package: 'made', Version: '1', version: '2' }),
      ...{ code: 'DEB_CONTROL', field: 'version', offset: 25 },
    },
    {
      given: 'no control',
      bytes: madeAr([
        VERSION_MEMBER,
        { name: 'control.tar.gz', data: gzipSync(madeTar([])) },
        dataMember(tar),
      ]),
      ...{ code: 'DEB_CONTROL', field: 'control', offset: 132 },
    },
  ] as readonly {
    given: string;
    bytes: Uint8Array;
    code: string;
    field: string;
    offset: number | undefined;
    limits?: Partial<DebLimits>;
  }[]) {
    it(`is refused with ${given}: ${code}`, async () => {
      await assert.rejects(read(bytes, limits), (error: ParseError) => {
        assert.deepEqual([error.name, error.code, error.field], ['ParseError', code, field]);
        assert.equal(error.offset, offset ?? error.offset);
        return true;
      });
    });
  }

  it('has what leads out of it, and what is no file, passed over', async () => {
    const paths = await pathsOf(
      madeDeb([
        { path: '../../etc/vmlinuz-1', data: IMAGE },
        { path: '/boot/vmlinuz-2', data: IMAGE },
        { path: './boot/../../vmlinuz-3', data: IMAGE },
        { path: './boot/vmlinuz-4', type: '2', linkTo: '/etc/shadow' },
        { path: './boot/vmlinuz-5', type: '1', linkTo: './boot/vmlinuz-6' },
        { path: './dev/mem', type: '3' },
        { path: './boot/', type: '5' },
        { path: './boot/vmlinuz-6', data: IMAGE },
      ]),
    );
    assert.deepEqual(paths, ['boot/vmlinuz-6']);
  });

  it('reads long names, those of pax too', async () => {
    const long = `${'a/'.repeat(90)}vmlinuz-1`;
    assert.deepEqual(await pathsOf(madeDeb([{ path: `./${long}`, data: IMAGE }])), [long]);
    const record = `path=./${long}\n`;
    const data = Buffer.from(`${record.length + 4} ${record}`);
    const named = madeDeb([{ path: 'pax', type: 'x', data }, FILE]);
    assert.deepEqual(await pathsOf(named), [long]);
    for (const text of ['8 path=x\n', '12 size=100\n', 'path=x\n', '999 path=x\n']) {
      const bad = madeDeb([{ path: 'pax', type: 'x', data: Buffer.from(text) }, FILE]);
      await assert.rejects(read(bad), { code: 'DEB_TAR_HEADER', field: 'pax' });
    }
  });

  describe('packed with xz', () => {
    let packed: Buffer;
    before(() => {
      const tree = join(home, 'tree');
      execFileSync('mkdir', ['-p', join(tree, 'DEBIAN'), join(tree, 'boot')]);
      const person = { Maintainer: 'Nobody <nobody@example.org>', Description: 'made' };
      const control = { Package: 'made', Version: '1.0-1', Architecture: 'amd64', ...person };
      writeFileSync(join(tree, 'DEBIAN/control'), madeControl(control));
      writeFileSync(join(tree, 'boot/vmlinuz-1'), IMAGE);
      writeFileSync(join(tree, 'boot/zeros'), Buffer.alloc(2_000_000));
      execFileSync('dpkg-deb', ['-Zxz', '-b', tree, join(home, 'xz.deb')], { stdio: 'ignore' });
      packed = readFileSync(join(home, 'xz.deb'));
    });

    it('is refused when it expands past the limit, and the next one is read', async () => {
      await assert.rejects(read(packed, { maxExpandedBytes: 1_000_000 }), {
        ...{ code: 'DEB_EXPANDS', field: 'data.tar.xz', offset: 1_000_000 },
      });
      assert.deepEqual(await pathsOf(packed), ['boot/vmlinuz-1']);
    });

    it('is refused with any byte of its data changed, or cut off, and the next one is read', async () => {
      const at = packed.indexOf('data.tar.xz') + 60;
      for (let offset = at; offset < packed.length - 1; offset += 131) {
        const flipped = Buffer.from(packed);
        flipped[offset] = (flipped[offset] ?? 0) ^ 0x10;
        await assert.rejects(read(flipped), ParseError, `byte ${offset}`);
      }
      for (let cut = at + 1; cut < packed.length - 1; cut += 997) {
        const data = packed.subarray(at, cut);
        const bytes = withData({ name: 'data.tar.xz', data });
        await assert.rejects(read(bytes), { code: 'DEB_DAMAGED' }, `${cut}`);
      }
      assert.deepEqual(await pathsOf(packed), ['boot/vmlinuz-1']);
    });
  });

  it('is refused or read, and nothing else, whatever bytes of it are changed', async () => {
    let state = 20_261_122;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const plain = madeAr([VERSION_MEMBER, controlMember(), { name: 'data.tar', data: tar }]);
    for (let round = 0; round < 400; round++) {
      const bytes = Buffer.from(round % 2 === 0 ? plain : GOOD);
      for (let change = 0; change <= random(4); change++) {
        bytes[random(bytes.length)] = random(256);
      }
      const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      try {
        await read(cut);
      } catch (error) {
        assert.ok(error instanceof ParseError, `round ${round}: ${String(error)}`);
      }
    }
  });
});
