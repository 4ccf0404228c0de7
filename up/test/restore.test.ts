import assert from 'node:assert/strict';
import type { Manifest } from '../backup/manifest.ts';
import { refuseNewer } from '../backup/restore.ts';

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
