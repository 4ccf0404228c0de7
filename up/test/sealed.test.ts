import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ByteReader } from '../backup/bytes.ts';
import { newSealingKey, openSealingKey, seal, unseal } from '../backup/sealed.ts';

const PASSPHRASE = Buffer.from('a passphrase for these tests');
const CHUNK = 65_536;
const HEADER = 68;

describe('A sealed file', function () {
  this.timeout(30_000);
  let sealing: Awaited<ReturnType<typeof newSealingKey>>;
  before(async () => {
    sealing = await newSealingKey(PASSPHRASE);
  });

  const sealed = async (plain: Uint8Array) => gathered(seal(pieces(plain, 10_007), sealing));
  /** As whoever has the key already: scrypt takes half a second. */
  const opened = async (file: Uint8Array) => {
    const reader = new ByteReader(pieces(file, 50_021));
    await reader.upTo(HEADER);
    return gathered(unseal(reader, sealing.key));
  };
  const refuses = (file: Uint8Array, ...codes: string[]) =>
    assert.rejects(opened(file), (error: { code?: string }) => codes.includes(error.code ?? ''));

  for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5]) {
    it(`gives ${length} bytes back as they were`, async () => {
      const plain = randomBytes(length);
      const file = await sealed(plain);
      assert.ok(plain.equals(await opened(file)));
      const chunks = Math.max(1, Math.ceil(length / CHUNK));
      assert.equal(file.length, HEADER + length + 16 * chunks);
    });
  }

  it('shows nothing of what is in it, and no two alike', async () => {
    const plain = Buffer.alloc(2 * CHUNK, '-----BEGIN PRIVATE KEY-----');
    const file = await sealed(plain);
    assert.equal(file.includes('PRIVATE'), false);
    const [one, other] = [
      file.subarray(HEADER, HEADER + CHUNK),
      file.subarray(HEADER + CHUNK + 16),
    ];
    assert.equal(one.equals(other.subarray(0, CHUNK)), false);
    const another = await newSealingKey(PASSPHRASE);
    assert.equal(Buffer.from(another.key).equals(sealing.key), false);
  });

  it('is refused cut off anywhere: BACKUP_TRUNCATED, BACKUP_DAMAGED', async () => {
    const file = await sealed(randomBytes(2 * CHUNK + 40));
    const boundaries = [HEADER, HEADER + CHUNK + 16, HEADER + 2 * (CHUNK + 16)];
    for (const at of boundaries) await refuses(file.subarray(0, at), 'BACKUP_TRUNCATED');
    for (let at = HEADER + 1; at < file.length; at += 997) {
      await refuses(file.subarray(0, at), 'BACKUP_TRUNCATED', 'BACKUP_DAMAGED');
    }
    await refuses(file.subarray(0, -1), 'BACKUP_DAMAGED');
  });

  it('is refused with a bit changed anywhere: BACKUP_DAMAGED', async () => {
    const file = await sealed(randomBytes(CHUNK + 40));
    for (let at = HEADER; at < file.length; at += 499) {
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(at) ^ 4, at);
      await refuses(changed, 'BACKUP_DAMAGED');
    }
  });

  it('is refused with chunks in another order, one twice, one left out, or bytes after it', async () => {
    const file = await sealed(randomBytes(3 * CHUNK));
    const header = file.subarray(0, HEADER);
    const [a, b, c] = [0, 1, 2].map((i) =>
      file.subarray(HEADER + i * (CHUNK + 16), HEADER + (i + 1) * (CHUNK + 16)),
    );
    assert.ok(a && b && c);
    for (const order of [
      [b, a, c],
      [a, a, b, c],
      [a, c],
      [c],
      [a, b, c, c],
      [a, b, c, Buffer.of(0)],
    ]) {
      await refuses(Buffer.concat([header, ...order]), 'BACKUP_DAMAGED', 'BACKUP_TRUNCATED');
    }
  });

  describe('before its first chunk', () => {
    const opens = (file: Uint8Array, passphrase = PASSPHRASE) =>
      openSealingKey(passphrase, new ByteReader(pieces(file, 7)));
    const header = () => Buffer.from(sealing.header);

    it('knows its passphrase', async () => {
      assert.ok(Buffer.from((await opens(header())).key).equals(sealing.key));
    });

    it('refuses another: BACKUP_WRONG_PASSPHRASE', () =>
      assert.rejects(opens(header(), Buffer.from('another one')), {
        code: 'BACKUP_WRONG_PASSPHRASE',
      }));

    it('refuses a changed salt or check as a wrong passphrase', async () => {
      for (const at of [20, 40]) {
        const changed = header();
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        await assert.rejects(opens(changed), { code: 'BACKUP_WRONG_PASSPHRASE' });
      }
    });

    it('refuses what is none, a later form, and half a header', async () => {
      const later = Buffer.concat([Buffer.from('touchstone-backup/2\n'), Buffer.alloc(100)]);
      await assert.rejects(opens(Buffer.from('')), { code: 'BACKUP_NOT_ONE' });
      await assert.rejects(opens(randomBytes(500)), { code: 'BACKUP_NOT_ONE' });
      await assert.rejects(opens(later), { code: 'BACKUP_NEWER' });
      await assert.rejects(opens(header().subarray(0, 60)), { code: 'BACKUP_TRUNCATED' });
    });
  });
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function gathered(from: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of from) all.push(piece);
  return Buffer.concat(all);
}
