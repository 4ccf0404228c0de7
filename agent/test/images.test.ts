import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DigestCache } from '../images/digest-cache.ts';
import { FileReader } from '../images/file-reader.ts';
import { readImageChain } from '../images/image-chain.ts';
import { readQcow2Header } from '../images/image-header.ts';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

describe('images', () => {
  let dir: string;
  const at = (name: string) => join(dir, name);
  const qemuImg = (...args: readonly string[]) => execFileSync('qemu-img', args, { cwd: dir });
  const chainOf = async (name: string, format: 'raw' | 'qcow2' | null = null) =>
    (await readImageChain(new FileReader(), at(name), format)).map((link) =>
      [link.as, link.format, link.path.slice(dir.length + 1)].join(' '),
    );

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-images-'));
    qemuImg('create', '-q', 'base.raw', '1M');
    qemuImg(...'create -q -f qcow2 -b base.raw -F raw mid.qcow2'.split(' '));
    qemuImg('create', '-q', '-f', 'qcow2', '-b', at('mid.qcow2'), '-F', 'qcow2', 'top.qcow2');
    qemuImg(
      ...'create -q -f qcow2 -o cluster_size=2M,backing_file=base.raw,backing_fmt=raw big.qcow2'.split(
        ' ',
      ),
    );
    const created = 'create -q -f qcow2 -o'.split(' ');
    qemuImg(...created, `data_file=${at('data.raw')}`, 'with-data.qcow2', '1M');
    qemuImg(...created, 'data_file=data.raw', 'data-elsewhere.qcow2', '1M');
    qemuImg(...'create -q -f qcow2 alone.qcow2 1M'.split(' '));
    const named = await readFile(at('mid.qcow2'));
    named.writeUInt32BE(0x12345678, named.indexOf(Buffer.from([0xe2, 0x79, 0x2a, 0xca])));
    await writeFile(at('old.qcow2'), named);
  });
  after(() => rm(dir, { recursive: true }));

  describe('a chain', () => {
    it('is followed as the headers say, each path from where its image lies', async () => {
      assert.deepEqual(await chainOf('top.qcow2'), [
        'image qcow2 top.qcow2',
        'backing qcow2 mid.qcow2',
        'backing raw base.raw',
      ]);
      assert.deepEqual(await chainOf('big.qcow2'), [
        'image qcow2 big.qcow2',
        'backing raw base.raw',
      ]);
      assert.deepEqual(await chainOf('with-data.qcow2'), [
        'image qcow2 with-data.qcow2',
        'data raw data.raw',
      ]);
      assert.deepEqual(await chainOf('alone.qcow2'), ['image qcow2 alone.qcow2']);
    });

    it('goes by the directory that a link leads to, as the kernel and QEMU do', async () => {
      await mkdir(at('there/deep'), { recursive: true });
      await mkdir(at('here'));
      await symlink('../there/deep', at('here/link'));
      for (const [place, content] of [
        ['there', 'what QEMU reads'],
        ['here', 'what it does not'],
      ] as const) {
        await writeFile(at(`${place}/base.raw`), content.padEnd(512));
      }
      qemuImg(...'create -q -u -f qcow2 -b ../base.raw -F raw there/deep/top.qcow2 1M'.split(' '));
      const [, base] = await readImageChain(new FileReader(), at('here/link/top.qcow2'), null);
      assert.equal(base?.sha256, sha256('what QEMU reads'.padEnd(512)));
    });

    for (const text of ['version=1\n', '# a note\n  \nversion=3\r\n', '#\nversion=2\n']) {
      it(`is refused where QEMU takes text for a VMDK: ${JSON.stringify(text)}`, async () => {
        const extent = 'createType="monolithicFlat"\nRW 2 FLAT "base.raw" 0\n';
        await writeFile(
          at('text.img'),
          `${text}CID=1\nparentCID=ffffffff\n${extent}`.padEnd(1_024, '\n'),
        );
        assert.match(execFileSync('qemu-img', ['info', at('text.img')]).toString(), /format: vmdk/);
        await assert.rejects(chainOf('text.img'), { code: 'DEFINITION_UNCOVERED' });
      });
    }

    it('ends at an image that is read as raw, whatever its bytes are', async () => {
      assert.deepEqual(await chainOf('top.qcow2', 'raw'), ['image raw top.qcow2']);
      qemuImg(...'create -q -f qcow2 -b alone.qcow2 -F raw -u over-raw.qcow2 1M'.split(' '));
      assert.deepEqual(await chainOf('over-raw.qcow2'), [
        'image qcow2 over-raw.qcow2',
        'backing raw alone.qcow2',
      ]);
    });

    for (const [what, image, code, args] of [
      ['a backing file without a format', 'old.qcow2', 'DEFINITION_UNCOVERED', null],
      ['a protocol', 'nbd.qcow2', 'DEFINITION_UNCOVERED', '-b nbd:127.0.0.1:1 -F raw'],
      ['a description in JSON', 'json.qcow2', 'DEFINITION_UNCOVERED', '-b json:{} -F raw'],
      ['another format behind it', 'vmdk.qcow2', 'DEFINITION_UNCOVERED', '-b base.raw -F vmdk'],
      ['a file that is not there', 'gone.qcow2', 'DEFINITION_UNREADABLE', '-b none -F raw'],
      ['what is not qcow2', 'not.qcow2', 'DEFINITION_UNREADABLE', '-b base.raw -F qcow2'],
      [
        'a data file that QEMU looks for elsewhere',
        'data-elsewhere.qcow2',
        'DEFINITION_UNCOVERED',
        null,
      ],
      ['itself', 'loop.qcow2', 'DEFINITION_UNCOVERED', '-b ./loop.qcow2 -F qcow2'],
    ] as const) {
      it(`is refused where it leads to ${what}: ${code}`, async () => {
        if (args !== null) {
          qemuImg('create', '-q', '-u', '-f', 'qcow2', ...args.split(' '), image, '1M');
        }
        await assert.rejects(chainOf(image), { code });
      });
    }
  });

  describe('a header', () => {
    const header = () => {
      const bytes = Buffer.alloc(512);
      bytes.write('QFI\u00fb', 'latin1');
      bytes.writeUInt32BE(3, 4);
      bytes.writeBigUInt64BE(256n, 8);
      bytes.writeUInt32BE(4, 16);
      bytes.writeUInt32BE(9, 20);
      bytes.writeUInt32BE(104, 100);
      bytes.writeUInt32BE(0xe2792aca, 104);
      bytes.writeUInt32BE(3, 108);
      bytes.write('raw', 112);
      bytes.write('base', 256);
      return bytes;
    };

    it('names its backing file and the format of that', () => {
      const expected = { backingFile: 'base', backingFormat: 'raw', dataFile: null };
      assert.deepEqual(readQcow2Header(header()), expected);
    });

    for (const [what, code, change] of [
      ['another magic', 'QCOW2_MAGIC', (b: Buffer) => b.writeUInt8(0, 0)],
      ['another version', 'QCOW2_VERSION', (b: Buffer) => b.writeUInt32BE(4, 4)],
      ['clusters too small', 'QCOW2_CLUSTER_BITS', (b: Buffer) => b.writeUInt32BE(8, 20)],
      ['clusters too large', 'QCOW2_CLUSTER_BITS', (b: Buffer) => b.writeUInt32BE(22, 20)],
      ['a feature that nobody knows', 'QCOW2_FEATURES', (b: Buffer) => b.writeUInt8(0x20, 79)],
      ['a data file without a name', 'QCOW2_DATA_FILE', (b: Buffer) => b.writeUInt8(4, 79)],
      ['a short header', 'QCOW2_LENGTH', (b: Buffer) => b.writeUInt32BE(96, 100)],
      ['a name beyond its cluster', 'QCOW2_BACKING_FILE', (b: Buffer) => b.writeUInt16BE(2, 13)],
      ['a name without length', 'QCOW2_BACKING_FILE', (b: Buffer) => b.writeUInt32BE(0, 16)],
      ['a name with a NUL', 'QCOW2_NAME', (b: Buffer) => b.writeUInt8(0, 257)],
      ['an extension beyond the name', 'QCOW2_EXTENSION', (b: Buffer) => b.writeUInt32BE(999, 108)],
    ] as const) {
      it(`is refused with ${what}: ${code}`, () => {
        const bytes = header();
        change(bytes);
        assert.throws(() => readQcow2Header(bytes), { code });
      });
    }

    it('is refused wherever it ends too early: TRUNCATED', () => {
      for (let length = 4; length < 260; length += 1) {
        assert.throws(() => readQcow2Header(header().subarray(0, length)), { code: 'TRUNCATED' });
      }
    });
  });

  describe('a digest', () => {
    /** Far enough from any writing of the test's. */
    const later = () => Date.now() + 60_000;
    let cache: DigestCache;
    beforeEach(async () => {
      await rm(at('digests.json'), { force: true });
      cache = await DigestCache.open(at('digests.json'));
    });

    it('is not read again while stat(2) says the same, also by the next agent of this boot', async () => {
      await writeFile(at('image'), 'one');
      const first = await new FileReader({ cache, now: later }).read(at('image'));
      assert.equal(first.sha256, sha256('one'));
      await cache.settled();
      const again = await DigestCache.open(at('digests.json'));
      assert.equal(again.get(first), sha256('one'));
      assert.equal(
        (await DigestCache.open(at('digests.json'), 'another boot')).get(first),
        undefined,
      );
    });

    it('is not kept of a file that was written a moment ago', async () => {
      await writeFile(at('image'), 'one');
      const first = await new FileReader({ cache }).read(at('image'));
      assert.equal(cache.get(first), undefined);
    });

    it('is read anew of what was written, replaced, or has its old time again', async () => {
      const reader = new FileReader({ cache, now: later });
      await writeFile(at('image'), 'one');
      await utimes(at('image'), 1, 1);
      await symlink('image', at('link'));
      assert.equal((await reader.read(at('link'))).sha256, sha256('one'));
      await writeFile(at('image'), 'two');
      await utimes(at('image'), 1, 1);
      assert.equal((await reader.read(at('link'))).sha256, sha256('two'));
      await writeFile(at('other'), 'six');
      await utimes(at('other'), 1, 1);
      await rename(at('other'), at('image'));
      assert.equal((await reader.read(at('link'))).sha256, sha256('six'));
    });

    it('is made once for all who ask at the same time', async () => {
      const bytes = randomBytes(4_000_000);
      await writeFile(at('image'), bytes);
      const reader = new FileReader();
      const all = await Promise.all(Array.from({ length: 50 }, () => reader.read(at('image'))));
      assert.deepEqual(new Set(all.map((read) => read.sha256)), new Set([sha256(bytes)]));
    });

    it('is refused of a file that is written meanwhile', async () => {
      await writeFile(at('image'), randomBytes(64_000_000));
      let done = false;
      const settled = new FileReader()
        .read(at('image'))
        .then(
          () => 'read',
          (error: Error) => error.message,
        )
        .finally(() => {
          done = true;
        });
      while (!done) await writeFile(at('image'), 'x', { flag: 'a' });
      assert.match(await settled, /changed while it was read/u);
    });

    it('is not taken from a file that cannot be read as one', async () => {
      await writeFile(at('digests.json'), '{"bootId":');
      const broken = await DigestCache.open(at('digests.json'));
      await writeFile(at('image'), 'one');
      assert.equal(
        (await new FileReader({ cache: broken }).read(at('image'))).sha256,
        sha256('one'),
      );
    });
  });
});
