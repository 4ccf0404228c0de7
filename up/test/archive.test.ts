import assert from 'node:assert/strict';
import { readArchive, writeArchive } from '../backup/archive.ts';
import { ByteReader } from '../backup/bytes.ts';

const GIVEN = [
  ['manifest.json', '{}'],
  ['files/ca/state/root.key.pem', 'x'.repeat(200_000)],
  ['files/ca/tpm-roots/discrete/Größe & Söhne (TPM) Root CA 01.cer', 'der'],
  ['databases/touchstone', ''],
] as const;

describe('What is in a backup', () => {
  it('is entries, by name and in order, as they were', async () => {
    assert.deepEqual(
      await read(await written(GIVEN)),
      GIVEN.map((each) => [...each]),
    );
  });

  it('is refused where it ends early, has more, or says another digest: BACKUP_DAMAGED', async () => {
    const archive = await written([['a', 'some bytes']]);
    for (let length = 0; length < archive.length; length += 1) {
      await refuses(archive.subarray(0, length));
    }
    await refuses(Buffer.concat([archive, Buffer.of(0)]));
    for (let at = 0; at < archive.length; at += 1) {
      const changed = Buffer.from(archive);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x80, at);
      await refuses(changed);
    }
  });

  it('has no two entries of one name: BACKUP_DAMAGED', async () => {
    await refuses(
      await written([
        ['a', '1'],
        ['a', '2'],
      ]),
    );
  });

  for (const name of ['../a', 'a/../b', '/a', 'a//b', '.', 'a/.', 'a\nb', 'a\\b', '']) {
    it(`is never written outside, nor read: "${name}"`, async () => {
      await assert.rejects(written([[name, '']]));
      const archive = await written([['a'.repeat(name.length || 1), '']]);
      const forged = Buffer.concat([
        Buffer.of(1, 0, name.length),
        Buffer.from(name),
        archive.subarray(3 + (name.length || 1)),
      ]);
      await refuses(forged);
    });
  }
});

type Given = readonly (readonly [name: string, content: string])[];

async function written(given: Given): Promise<Buffer> {
  const entries = async function* () {
    for (const [name, content] of given) yield { name, content: one(content) };
  };
  const all: Uint8Array[] = [];
  for await (const piece of writeArchive(entries())) all.push(piece);
  return Buffer.concat(all);
}

async function read(archive: Buffer): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { name, content } of readArchive(new ByteReader(one(archive)))) {
    const all: Uint8Array[] = [];
    for await (const piece of content) all.push(piece);
    found.push([name, Buffer.concat(all).toString()]);
  }
  return found;
}

const refuses = (archive: Buffer) => assert.rejects(read(archive), { code: 'BACKUP_DAMAGED' });

async function* one(content: string | Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(content);
}
