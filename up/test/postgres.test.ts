import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../test/support/postgres.ts';
import { makeRoles } from '../move/roles.ts';
import { openPostgres } from '../postgres.ts';

describe('The PostgreSQL of a data directory', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-open-'));
    await chmod(dir, 0o711);
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('is the shared one from the switch on, even for an `up` that looked just before', async () => {
    const shared = { schema: 'touchstone/database/1', host: '/nowhere', port: 5432, tls: false };
    const switched = (line: string) => {
      if (line !== 'starting the private PostgreSQL') return;
      writeFileSync(join(dir, 'database.json'), JSON.stringify(shared));
    };
    const opened = await openPostgres(dir, switched);
    await opened.child?.stop('SIGINT');
    assert.equal(opened.child, null);
    assert.equal(opened.access('touchstone', 'server').host, '/nowhere');
    await assert.rejects(stat(join(dir, 'postgres')), { code: 'ENOENT' });
  });

  it('gets no password in any statement: logs and catalogues keep those', async () => {
    mkdirSync(join(dir, 'secrets'));
    const postgres = await startPostgres();
    const address = { host: postgres.socketDir, port: postgres.port, database: 'postgres' };
    const { adminUser: user, adminPassword: password } = postgres;
    const admin = new pg.Client({ ...address, user, password });
    try {
      await admin.connect();
      const statements: unknown[] = [];
      const query = admin.query.bind(admin) as (...given: unknown[]) => unknown;
      Object.assign(admin, {
        query: (...given: unknown[]) => {
          statements.push(given);
          return query(...given);
        },
      });
      await makeRoles(admin, dir, 'this move');
      const own = await readFile(join(dir, 'secrets/shared-postgres-server'), 'utf8');
      assert.ok(JSON.stringify(statements).includes('ALTER ROLE'));
      assert.ok(!JSON.stringify(statements).includes(own));
      const server = new pg.Client({ ...address, user: 'server', password: own });
      await server.connect();
      await server.end();
    } finally {
      await admin.end();
      await postgres.stop();
    }
  });
});
