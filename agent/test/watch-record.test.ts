import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_KNOWN_STARTS } from '../watch/known-starts.ts';
import { bootId, KeptRecord } from '../watch/record.ts';
import { permittedStart, WatchedHost } from './support/watched-host.ts';

describe('the record of the watch', () => {
  let host: WatchedHost;

  beforeEach(async () => {
    host = await WatchedHost.make();
  });

  afterEach(() => host.remove());

  it('keeps its record from everybody else, however long, and forgets what another boot left', async () => {
    await host.watch.permitted(permittedStart({}));
    assert.equal((await stat(join(host.directory, 'watch.json'))).mode & 0o777, 0o600);
    const record = await KeptRecord.open(host.directory, bootId());
    assert.equal(record.current.starts.length, 1);
    const [kept] = record.current.starts;
    assert.ok(kept !== undefined);
    const starts = Array.from({ length: MAX_KNOWN_STARTS }, () => ({
      ...{ ...kept, vm: randomUUID(), name: 'n'.repeat(128), commandSha256: 'ab'.repeat(32) },
      asker: { pid: 4_000_000, startTicks: 1e12 },
      process: { pid: 4_000_000, startTicks: 1e12 },
    }));
    const ran = starts.map(({ vm }) => vm);
    await record.change({ starts, ran, refused: ran });
    assert.deepEqual((await KeptRecord.open(host.directory, bootId())).current, record.current);
  });
});
