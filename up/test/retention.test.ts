import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { retentionOf } from '../retention.ts';

describe('retention.json of a data directory', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-retention-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const says = (text: string) => writeFile(join(dir, 'retention.json'), text);

  it('need not be there', async () => {
    assert.deepEqual(await retentionOf(dir), {});
  });

  it('says how long the rooms keep what', async () => {
    await says('{"server": {"attestations": 90}, "ca": {}}');
    assert.deepEqual(await retentionOf(dir), { server: { attestations: 90 }, ca: {} });
  });

  it('is refused in any other shape: RETENTION_MALFORMED', async () => {
    for (const text of [
      '',
      '[]',
      'null',
      '90',
      '{"attestations": 90}',
      '{"server": 90}',
      '{"ca": [1]}',
    ]) {
      await says(text);
      await assert.rejects(retentionOf(dir), { code: 'RETENTION_MALFORMED' }, text);
    }
    await rm(join(dir, 'retention.json'));
    await mkdir(join(dir, 'retention.json'));
    await assert.rejects(retentionOf(dir), { code: 'RETENTION_MALFORMED' });
  });
});
