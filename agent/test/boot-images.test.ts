import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { authenticodeDigest } from '@touchstone/eventlog';
import { madeImage } from '../../test/support/made-image.ts';
import { BootImages, contentOf } from '../measure/boot-images.ts';

const imageOf = (text: string, bytes = 512) => {
  const data = Buffer.alloc(bytes);
  data.write(text);
  return madeImage({ sections: [{ name: '.text', data }] });
};
const digestOf = (image: Uint8Array) =>
  Buffer.from(authenticodeDigest(image, 'sha256')).toString('hex');

describe('what a machine with a chip has to boot from', () => {
  let boot: string;
  beforeEach(async () => {
    boot = await mkdtemp(join(tmpdir(), 'ts-boot-'));
    await mkdir(join(boot, 'efi/EFI/debian'), { recursive: true });
  });
  afterEach(() => rm(boot, { recursive: true }));

  const patterns = () => [join(boot, 'efi/EFI/*/shim*.efi'), join(boot, 'vmlinuz*')];
  const put = async (name: string, bytes: Uint8Array, seconds = 1_000) => {
    const path = join(boot, name);
    await writeFile(path, bytes);
    await utimes(path, seconds, seconds);
    return path;
  };
  /** What is told once `isIt`, or after a second: nobody says when a look has ended. */
  const told = async (images: BootImages, isIt: (claims: readonly string[]) => boolean) => {
    for (let tries = 0; tries < 200; tries += 1) {
      const claims = images.claims();
      if (isIt(claims)) return claims;
      await sleep(5);
    }
    return images.claims();
  };

  it('is told by Authenticode digest, what changed last before the others, and nobody waits for it', async () => {
    const [shim, older, newer] = [imageOf('shim'), imageOf('older'), imageOf('newer', 3_000_000)];
    await put('efi/EFI/debian/shimx64.efi', shim, 1_000);
    await put('vmlinuz-1', older, 2_000);
    await put('vmlinuz-2', newer, 3_000);
    await symlink('vmlinuz-2', join(boot, 'vmlinuz'));
    const images = new BootImages(patterns());
    assert.deepEqual(images.claims(), [], 'the first look has only begun');
    const claims = await told(images, ({ length }) => length > 0);
    assert.deepEqual(claims, [newer, older, shim].map(digestOf));
  });

  it('is read once for each change, and forgotten when it is gone', async () => {
    const read: string[] = [];
    const images = new BootImages(patterns(), (path, identity) => {
      read.push(path);
      return contentOf(path, identity);
    });
    const [before, after] = [imageOf('before'), imageOf('after')];
    const path = await put('vmlinuz', before);
    await told(images, (claims) => claims.includes(digestOf(before)));
    for (let again = 0; again < 20; again += 1) {
      images.claims();
      await sleep(2);
    }
    assert.deepEqual(read, [path]);
    // Of the same length and with the same time: its status has changed all the same.
    await put('vmlinuz', after);
    assert.deepEqual(await told(images, (claims) => claims.includes(digestOf(after))), [
      digestOf(after),
    ]);
    assert.deepEqual(read, [path, path]);
    await rm(path);
    assert.deepEqual(await told(images, ({ length }) => length === 0), []);
  });

  it('is silent about what is no image, too large, no file, or not there', async () => {
    await put('vmlinuz-1', Buffer.from('MZ and no more'));
    await truncate(await put('vmlinuz-2', imageOf('large')), 134_217_729);
    await mkdir(join(boot, 'vmlinuz-3'));
    execFileSync('mkfifo', [join(boot, 'vmlinuz-4')]);
    await symlink('nowhere', join(boot, 'vmlinuz-5'));
    const good = imageOf('good');
    await put('vmlinuz-6', good);
    const images = new BootImages([...patterns(), '/nowhere/*.efi', `${boot}/vmlinuz-1/*`]);
    assert.deepEqual(await told(images, ({ length }) => length > 0), [digestOf(good)]);
  });

  it('is told of 64 files at most: those that changed last', async () => {
    const all = Array.from({ length: 70 }, (_, file) => imageOf(`kernel ${file}`));
    for (const [file, bytes] of all.entries()) await put(`vmlinuz-${file}`, bytes, 1_000 + file);
    const claims = await told(new BootImages(patterns()), ({ length }) => length > 0);
    assert.deepEqual(claims, all.slice(6).toReversed().map(digestOf));
  });

  it('is not told where the list is empty', async () => {
    await put('vmlinuz', imageOf('kernel'));
    const images = new BootImages([]);
    images.claims();
    await sleep(50);
    assert.deepEqual(images.claims(), []);
  });
});
