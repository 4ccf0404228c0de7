import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeArchive } from '../backup/archive.ts';
import { openBackup } from '../backup/open.ts';
import { newSealingKey, seal } from '../backup/sealed.ts';

const PASSPHRASE = Buffer.from('a passphrase for this test');
const MANIFEST = ['manifest.json', { schema: 'touchstone/backup/1', files: ['ca/key'] }] as const;
const FILE = ['files/ca/key', 'k'] as const;
const DATABASES = [
  ['databases/touchstone', 's'],
  ['databases/touchstone_ca', 'c'],
] as const;

describe('A backup that was sealed', () => {
  let file: string;
  before(async () => {
    file = join(await mkdtemp(join(tmpdir(), 'ts-sealed-')), 'backup');
  });
  after(() => rm(join(file, '..'), { recursive: true }));

  const opened = async (entries: readonly (readonly [name: string, content: unknown])[]) => {
    const archive = async function* () {
      for (const [name, content] of entries) yield { name, content: jsonOf(content) };
    };
    await writeFile(file, seal(writeArchive(archive()), await newSealingKey(PASSPHRASE)));
    const { signal: stop } = new AbortController();
    return openBackup(
      file,
      PASSPHRASE,
      Object.assign(() => undefined, { stop }),
    );
  };

  it('opens with everything that its manifest names', async () => {
    const { manifest } = await opened([MANIFEST, FILE, ...DATABASES]);
    assert.deepEqual(manifest.files, ['ca/key']);
  });

  const WRONG = {
    'with a file too few': [MANIFEST, ...DATABASES],
    'with a file too many': [MANIFEST, FILE, ['files/other', ''], ...DATABASES],
    'without the CA': [MANIFEST, FILE, DATABASES[0]],
    'with its manifest last': [FILE, ...DATABASES, MANIFEST],
    'without anything': [],
  } as const;
  for (const [what, entries] of Object.entries(WRONG)) {
    it(`${what} is not taken: BACKUP_DAMAGED`, () =>
      assert.rejects(opened(entries), { code: 'BACKUP_DAMAGED' }));
  }
});

async function* jsonOf(content: unknown): AsyncGenerator<Buffer> {
  yield Buffer.from(JSON.stringify(content));
}
