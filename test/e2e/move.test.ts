import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { VmStarts } from '@touchstone/schemas';
import { adjacentPorts } from '../support/adjacent-ports.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { touchstoneCommand } from '../support/command.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { startReplica } from '../support/replica.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const INTERVAL_SECONDS = 3;
const PASSWORD = 'of the one who moves';

describe('A deployment that outgrows its machine', function () {
  this.timeout(120_000);
  let directory: string;
  let data: string;
  let listen: string;
  let shared: Postgres;
  let touchstone: Touchstone;
  let agent: AgentHost;
  let to: string[];
  const vm = randomUUID();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-move-'));
    await chmod(directory, 0o711);
    data = join(directory, 'd');
    const port = await adjacentPorts();
    shared = await startPostgres({ tlsPort: port });
    // No superuser: what a database administrator gives away.
    await shared.query(
      'postgres',
      `CREATE ROLE mover LOGIN CREATEDB CREATEROLE PASSWORD '${PASSWORD}'`,
    );
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const url = `postgres://mover@127.0.0.1:${port}/postgres?sslmode=verify-full&sslrootcert=${shared.caFile}`;
    to = ['--to', url, '--password-file', passwordFile];
    listen = `127.0.0.1:${await adjacentPorts()}`;
    touchstone = await startTouchstone({ data, listen, intervalSeconds: INTERVAL_SECONDS });
    agent = await startAgentHost(touchstone, { name: 'hypervisor' });
    await touchstone.addVm({ uuid: vm, name: 'gated' });
  });
  after(async () => {
    await agent?.stop();
    await touchstone?.stop();
    await shared?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const move = (args: string[] = [], killAt?: string) =>
    touchstoneCommand(
      ['move', '--data', data, ...to, ...args],
      killAt === undefined ? {} : { killAt },
    );
  const refusal = (outcome: { stderr: string }) =>
    /^touchstone: ([A-Z_]+): /mu.exec(outcome.stderr)?.[1];
  const up = async () => {
    const { token } = touchstone;
    touchstone = await startTouchstone({ data, listen, token, intervalSeconds: INTERVAL_SECONDS });
  };
  const startsVm = async () => {
    const probe = agent.probe();
    const outcome = await agent.run(vm, probe.command);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.ok(probe.started());
  };
  const startsSeen = async (at: Touchstone = touchstone) => {
    const { starts } = await at.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
    return starts.length;
  };
  const isThere = (name: string) =>
    stat(join(data, name)).then(
      () => true,
      () => false,
    );
  const attestsAgain = async () => {
    const since = new Date().toISOString();
    const deadline = Date.now() + 60_000;
    for (;;) {
      const { host } = await touchstone.host('hypervisor');
      if (host.state === 'trusted' && (host.lastAuthenticAt ?? '') > since) return;
      if (Date.now() > deadline) throw new Error('not after 60 s');
      await sleep(200);
    }
  };
  const rolesThere = async () => {
    const roles = ['ca', 'ca_migrate', 'server', 'server_migrate', 'server_read'];
    return (
      await shared.query('postgres', 'SELECT FROM pg_roles WHERE rolname = ANY ($1)', [roles])
    ).rowCount;
  };

  it('asks first whether it could, beside a running `up`, and changes nothing', async () => {
    const looked = await move(['--dry-run']);
    assert.equal(looked.exitCode, 0, looked.stderr);
    await shared.query('postgres', 'CREATE ROLE ca');
    const taken = await move(['--dry-run']);
    assert.deepEqual([taken.exitCode, refusal(taken)], [77, 'TARGET_NOT_EMPTY']);
    await shared.query('postgres', 'DROP ROLE ca');
    assert.equal(await rolesThere(), 0);
    assert.equal(await isThere('move.json'), false);
  });

  it('does not go to a PostgreSQL whose certificate nobody vouches for: TARGET_UNREACHABLE', async () => {
    const [option = '', url = '', ...more] = to;
    const elsewhere = [
      option,
      url.replace(shared.caFile ?? '-', '/etc/ssl/certs/ca-certificates.crt'),
    ];
    const outcome = await touchstoneCommand([
      'move',
      '--data',
      data,
      ...elsewhere,
      ...more,
      '--dry-run',
    ]);
    assert.deepEqual([outcome.exitCode, refusal(outcome)], [69, 'TARGET_UNREACHABLE']);
  });

  it('does not move while `up` writes: MOVE_WHILE_UP', async () => {
    const outcome = await move();
    assert.deepEqual([outcome.exitCode, refusal(outcome)], [69, 'MOVE_WHILE_UP']);
  });

  it('killed at any step, it runs as before', async () => {
    await startsVm();
    await touchstone.stop();
    for (const step of ['making roles', 'comparing touchstone\n']) {
      const outcome = await move([], step);
      assert.equal(outcome.exitCode, null, outcome.stderr);
      assert.equal(await isThere('database.json'), false);
    }
    await up();
    // What is copied next is not what was copied first.
    await startsVm();
    assert.equal(await startsSeen(), 2);
    await touchstone.stop();
  });

  it('moves, compared row by row, and says so again when asked again', async () => {
    const outcome = await move(['--json']);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.match(outcome.stderr, /touchstone: [0-9]+ rows, the same on both sides/u);
    const again = await move();
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stdout, /had moved already/u);
    assert.deepEqual(
      await Promise.all(['database.json', 'postgres-moved', 'postgres', 'move.json'].map(isThere)),
      [true, true, false, false],
    );
  });

  it('goes on there: the agent is trusted, its VM starts, and a second server shares the work', async () => {
    await up();
    await attestsAgain();
    const replica = await startReplica(touchstone);
    try {
      assert.equal(await startsSeen(replica), 2);
      await startsVm();
      assert.equal(await startsSeen(replica), 3);
    } finally {
      await replica.stop();
    }
    const { rows } = await shared.query('touchstone', 'SELECT count(*)::int AS starts FROM starts');
    assert.deepEqual(rows, [{ starts: 3 }]);
  });

  it('gives each role what it needs there and no more', async () => {
    const as = async (user: string, database: string, sql: string) => {
      const password = (
        await readFile(join(data, 'secrets', `shared-postgres-${user}`), 'utf8')
      ).trim();
      const client = new pg.Client({
        host: shared.socketDir,
        port: shared.port,
        database,
        user,
        password,
      });
      try {
        await client.connect();
        await client.query(sql);
        return 'done';
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        await client.end().catch(() => undefined);
      }
    };
    assert.equal(await as('server', 'touchstone', 'SELECT count(*) FROM hosts'), 'done');
    const denied = '42501';
    assert.equal(await as('server', 'touchstone', 'CREATE TABLE x ()'), denied);
    assert.equal(await as('server', 'touchstone', 'DELETE FROM audit'), denied);
    assert.equal(await as('server', 'touchstone_ca', 'SELECT 1'), denied);
    assert.equal(await as('ca', 'touchstone', 'SELECT 1'), denied);
    // read_only_sql_transaction
    assert.equal(await as('server_read', 'touchstone', 'DELETE FROM hosts'), '25006');
    const members = await shared.query(
      'postgres',
      `SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = 'mover'`,
    );
    assert.equal(members.rowCount, 0);
  });

  it('is backed up from there', async () => {
    const file = join(directory, 'b');
    const passphrase = ['--passphrase-file', '-'];
    const input = 'a passphrase for this test\n';
    const made = await touchstoneCommand(['backup', file, '--data', data, ...passphrase], {
      input,
    });
    assert.equal(made.exitCode, 0, made.stderr);
  });

  it('never starts from the old cluster by mistake: DATA_MOVED', async () => {
    await touchstone.stop();
    await rename(join(data, 'database.json'), join(directory, 'database.json'));
    const outcome = await touchstoneCommand(['up', '--data', data, '--listen', listen]);
    assert.deepEqual([outcome.exitCode, refusal(outcome)], [77, 'DATA_MOVED']);
    assert.equal(await isThere('postgres'), false);
  });
});
