import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../backup/manifest.ts';
import type { OpenBackup } from '../backup/open.ts';
import { refuseNewer, restoreBackup } from '../backup/restore.ts';

const FACTS = { migrations: [], tables: {}, sequences: {} };
const MANIFEST: Manifest = {
  ...{ schema: 'touchstone/backup/1', createdAt: '2026-11-22T00:00:00Z', version: '0.1.0' },
  ...{ postgresMajor: 15, deploymentId: '', caEpoch: 1, bundleEpoch: 1, lastAudit: null },
  ...{ hosts: {}, files: [], databases: { touchstone: FACTS, touchstone_ca: FACTS } },
  address: { host: '127.0.0.1', serverPort: 8443, caPort: 8444, intervalSeconds: 60 },
};

const of = (name: 'touchstone' | 'touchstone_ca', migrations: string[]): Manifest => ({
  ...MANIFEST,
  databases: { ...MANIFEST.databases, [name]: { ...FACTS, migrations } },
});

describe('A backup of another version', () => {
  it('is taken when it is older: every migration that ran there is known here', async () => {
    await refuseNewer(MANIFEST);
    await refuseNewer(of('touchstone', ['0001_first_light', '0002_enrolment']));
    await refuseNewer(of('touchstone_ca', ['0001_enrolment']));
  });

  it('is refused when a migration ran there that nobody here knows: BACKUP_NEWER', async () => {
    for (const name of ['touchstone', 'touchstone_ca'] as const) {
      const newer = of(name, ['0001_first_light', '9999_later']);
      await assert.rejects(refuseNewer(newer), { code: 'BACKUP_NEWER' });
    }
  });

  it('is refused when it comes from a later PostgreSQL than a private cluster is: BACKUP_NEWER', () =>
    assert.rejects(refuseNewer({ ...MANIFEST, postgresMajor: 16 }), { code: 'BACKUP_NEWER' }));
});

describe('A restore that fails half-way', () => {
  let dataDir: string;
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'ts-half-'));
    await chmod(dataDir, 0o711);
  });
  after(() => rm(dataDir, { recursive: true }));

  const names = Array.from({ length: 12 }, (_, index) => `part-${index}`);
  const halfWay = {
    ...{ manifest: MANIFEST, bytes: 0 },
    async *entries() {
      for (const name of names) yield { name: `files/${name}/x`, content: nothing() };
      throw new Error('half-way');
    },
  };
  const restore = (backup: OpenBackup = halfWay) =>
    restoreBackup(backup, {
      dataDir,
      progress: Object.assign(() => undefined, { stop: new AbortController().signal }),
    });

  it('takes everything away, and last the mark by which nobody starts what is left', async () => {
    const seen: (string | null)[] = [];
    const watched = watch(dataDir, (_event, name) => seen.push(name));
    try {
      // Of two at once, one does not touch what the other writes.
      const ended = await Promise.allSettled([restore(), restore()]);
      const reasons = ended.map((one) => (one.status === 'rejected' ? one.reason : 'restored'));
      const told = reasons.map((reason) => (reason as { code?: string }).code ?? `${reason}`);
      assert.deepEqual(told.toSorted(), ['DATA_INCOMPLETE', 'Error: half-way']);
      assert.deepEqual(await readdir(dataDir), []);
      await writeFile(join(dataDir, 'end'), '');
      while (!seen.includes('end')) await sleep(10);
    } finally {
      watched.close();
    }
    assert.ok(names.every((name) => seen.includes(name)));
    assert.equal(seen[seen.indexOf('end') - 1], 'restore-under-way');
    await rm(join(dataDir, 'end'));
  });

  it('is none where a table is not as the backup says it was: RESTORE_DIFFERS', async () => {
    const lost = { ...FACTS, tables: { 'public.certificates': { rows: 1, digest: '1/1' } } };
    const manifest = { ...MANIFEST, databases: { ...MANIFEST.databases, touchstone_ca: lost } };
    const empty = { ...halfWay, manifest, async *entries() {} };
    await assert.rejects(restore(empty), { code: 'RESTORE_DIFFERS' });
    assert.deepEqual(await readdir(dataDir), []);
  });
});

async function* nothing(): AsyncGenerator<Uint8Array> {}
