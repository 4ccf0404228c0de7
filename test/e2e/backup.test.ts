import assert from 'node:assert/strict';
import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { parseAkCertificate } from '@touchstone/endorsement';
import {
  AlertList,
  AuditList,
  DiskKeyList,
  EvidenceAnswer,
  HostList,
  Vm,
} from '@touchstone/schemas';
import { adjacentPorts } from '../support/adjacent-ports.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { touchstoneCommand } from '../support/command.ts';
import { makeLuksDisk } from '../support/luks-disk.ts';
import { codeOf } from '../support/refusals.ts';
import { forge } from '../support/stolen-ca.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const PASSPHRASE = 'Zwölf Boxkämpfer jagen Viktor';
const ON_STDIN = { input: `${PASSPHRASE}\n` };
const INTERVAL_SECONDS = 3;

describe('A deployment out of a backup', function () {
  this.timeout(120_000);
  let directory: string;
  let data: string;
  let file: string;
  let listen: string;
  let touchstone: Touchstone;
  let agent: AgentHost;
  let other: TestHost;
  const vm = randomUUID();
  const sealed = randomUUID();
  const diskKey = randomBytes(24).toString('base64url');

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-backup-'));
    await chmod(directory, 0o711);
    data = join(directory, 'd');
    file = join(directory, 'b');
    listen = `127.0.0.1:${await adjacentPorts()}`;
    touchstone = await startTouchstone({ data, listen, intervalSeconds: INTERVAL_SECONDS });
    agent = await startAgentHost(touchstone, { name: 'hypervisor' });
    other = await TestHost.trusted(touchstone);
    await touchstone.addVm({ uuid: vm, name: 'gated' });
    await makeLuksDisk(join(directory, 'data.luks'), Buffer.from(diskKey));
    await touchstone.operator('POST', '/v1/vms', Vm, {
      ...{ uuid: sealed, name: 'sealed', classes: ['software'], hostLabels: {}, images: [] },
      disks: [{ name: 'disk0', kind: 'sealed' }],
    });
    const setting = { disk: 'disk0', key: Buffer.from(diskKey).toString('base64url') };
    await touchstone.operator('POST', `/v1/vms/${sealed}/disk-keys`, DiskKeyList, setting);
  });
  after(async () => {
    await agent?.stop();
    await other?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const onStdin = ['--passphrase-file', '-'];
  const backup = (...args: string[]) =>
    touchstoneCommand(['backup', ...args, '--data', data, ...onStdin], ON_STDIN);
  const verify = (path: string) =>
    touchstoneCommand(['backup', path, '--verify', ...onStdin], ON_STDIN);
  const restore = (from: string, into: string) =>
    touchstoneCommand(['restore', from, '--data', into, '--json', ...onStdin], ON_STDIN);
  const refusal = (outcome: { stderr: string }) =>
    /^touchstone: ([A-Z_]+): /mu.exec(outcome.stderr)?.[1];
  const startsVm = async () => {
    const probe = agent.probe();
    const outcome = await agent.run(vm, probe.command);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.ok(probe.started());
  };
  /** QEMU that has its disk open is a daemon by the time that it ends well. */
  const opensSealedDisk = async () => {
    const pidFile = join(directory, 'qemu.pid');
    const { exitCode, stderr } = await agent.run(sealed, [
      ...['/usr/bin/qemu-system-x86_64', '-accel', 'tcg', '-m', '32', '-S', '-display', 'none'],
      ...['-nodefaults', '-no-user-config', '-daemonize', '-pidfile', pidFile],
      ...['-blockdev', `driver=file,node-name=data-file,filename=${directory}/data.luks`],
      ...['-blockdev', 'driver=luks,node-name=data,key-secret=touchstone-disk0,file=data-file'],
    ]);
    assert.equal(exitCode, 0, stderr);
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    await rm(pidFile, { force: true });
  };

  it('is made while it runs: one file, 0600, that shows nothing of what is in it', async () => {
    await startsVm();
    const made = await backup(file);
    assert.equal(made.exitCode, 0, made.stderr);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const bytes = await readFile(file);
    for (const word of [
      'PRIVATE KEY',
      'hypervisor',
      'CREATE TABLE',
      'manifest',
      PASSPHRASE,
      diskKey,
    ]) {
      assert.equal(bytes.includes(word), false, word);
    }
    assert.deepEqual((await readdir(directory)).toSorted(), ['b', 'd', 'data.luks']);
  });

  it('is proved whole without a deployment, and never written over', async () => {
    const verified = await verify(file);
    assert.equal(verified.exitCode, 0, verified.stderr);
    assert.match(verified.stdout, /2: 2 trusted/u);
    const again = await backup(file);
    assert.deepEqual([again.exitCode, refusal(again)], [77, 'BACKUP_EXISTS']);
  });

  it('is not made with a short passphrase, nor where there is no deployment', async () => {
    const short = ['backup', join(directory, 'n'), '--data', data, ...onStdin];
    const outcome = await touchstoneCommand(short, { input: 'short\n' });
    assert.deepEqual([outcome.exitCode, refusal(outcome)], [64, 'PASSPHRASE_TOO_SHORT']);
    const empty = ['backup', join(directory, 'n'), '--data', directory, ...onStdin];
    const missing = await touchstoneCommand(empty, ON_STDIN);
    assert.deepEqual([missing.exitCode, refusal(missing)], [69, 'DEPLOYMENT_MISSING']);
  });

  describe('that is no good', () => {
    const into = () => join(directory, 'not-made');
    const damaged = async (change: (bytes: Buffer) => Buffer) => {
      const path = join(directory, 'damaged');
      await writeFile(path, change(await readFile(file)));
      return path;
    };
    const flip = (at: (length: number) => number) => (bytes: Buffer) => {
      const index = at(bytes.length);
      bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
      return bytes;
    };
    const cases: [string, (bytes: Buffer) => Buffer, number, string][] = [
      ['with a bit changed', flip((length) => length >> 1), 65, 'BACKUP_DAMAGED'],
      ['with another passphrase', flip(() => 30), 77, 'BACKUP_WRONG_PASSPHRASE'],
    ];
    for (const [given, change, exitCode, code] of cases) {
      it(`${given} is refused, and nothing is written: ${code}`, async () => {
        const outcome = await restore(await damaged(change), into());
        assert.deepEqual([outcome.exitCode, refusal(outcome)], [exitCode, code]);
        await assert.rejects(stat(into()), { code: 'ENOENT' });
      });
    }

    it('for a directory that is not empty is refused, and loses nothing: DATA_NOT_EMPTY', async () => {
      await mkdir(into());
      await writeFile(join(into(), 'letter'), 'dear');
      const outcome = await restore(file, into());
      assert.deepEqual([outcome.exitCode, refusal(outcome)], [77, 'DATA_NOT_EMPTY']);
      assert.deepEqual(await readdir(into()), ['letter']);
    });
  });

  it('is no deployment before its last step: killed, it does not come up: DATA_INCOMPLETE', async () => {
    const half = join(directory, 'half');
    const args = ['restore', file, '--data', half, ...onStdin];
    const killed = await touchstoneCommand(args, { ...ON_STDIN, killAt: 'comparing with' });
    assert.equal(killed.exitCode, null, killed.stderr);
    const up = await touchstoneCommand(['up', '--data', half, '--listen', '127.0.0.1:0']);
    assert.deepEqual([up.exitCode, refusal(up)], [69, 'DATA_INCOMPLETE']);
    const again = await restore(file, half);
    assert.deepEqual([again.exitCode, refusal(again)], [69, 'DATA_INCOMPLETE']);
  });

  describe('after the old one is lost', () => {
    let oldToken: string;
    let made: { token: string; bundleEpoch: { now: number } };

    it('goes on: the agent, which nobody touched, is trusted, and its VM starts', async () => {
      // Given out and answered after the backup was made, and worth something for a minute.
      const late = await other.evidence('attest');
      oldToken = touchstone.token;
      await touchstone.stop();
      await rm(data, { recursive: true });

      const restored = await restore(file, data);
      assert.equal(restored.exitCode, 0, restored.stderr);
      made = JSON.parse(restored.stdout) as typeof made;
      const options = { data, listen, token: made.token, intervalSeconds: INTERVAL_SECONDS };
      touchstone = await startTouchstone(options);

      const answer = touchstone.client.request({
        ...{ method: 'POST', path: '/v1/evidence', schema: EvidenceAnswer, body: late },
      });
      assert.equal(await codeOf(answer), 'CHALLENGE_INVALID');
      await eventually(async () => {
        const { host, bundleEpoch } = await touchstone.host('hypervisor');
        return host.state === 'trusted' && bundleEpoch === made.bundleEpoch.now;
      });
      assert.equal((await touchstone.host('hypervisor')).host.id, agent.hostId);
      await startsVm();
    });

    it('has the keys of disks: a VM with a sealed one starts with it', opensSealedDisk);

    it('knows the old token no more, and tells what has happened', async () => {
      const list = { method: 'GET', path: '/v1/hosts', schema: HostList } as const;
      const asked = touchstone.client.request({ ...list, bearer: oldToken });
      assert.equal(await codeOf(asked), 'UNAUTHENTICATED');
      const { entries } = await touchstone.operator('GET', '/v1/audit', AuditList);
      assert.ok(entries.some(({ action }) => action === 'deployment.restore'));
      const { alerts } = await touchstone.operator('GET', '/v1/alerts', AlertList);
      assert.ok(alerts.some(({ code }) => code === 'DEPLOYMENT_RESTORED'));
    });

    it('gets a host whose certificate there has ended back at once, without a person', async () => {
      const server = await connected(data);
      const { rows } = await server.query<{ ak_certificate: Buffer }>(
        'SELECT ak_certificate FROM hosts WHERE id = $1',
        [agent.hostId],
      );
      const genuine = parseAkCertificate(rows[0]?.ak_certificate ?? Buffer.alloc(0));
      const ended = new X509Certificate(await forge(touchstone, genuine, { daysAgo: 8 })).raw;
      await server.query('UPDATE hosts SET ak_certificate = $2 WHERE id = $1', [
        agent.hostId,
        ended,
      ]);
      try {
        await eventually(async () => {
          const now = await server.query<{ ak_certificate: Buffer }>(
            'SELECT ak_certificate FROM hosts WHERE id = $1',
            [agent.hostId],
          );
          return !ended.equals(now.rows[0]?.ak_certificate ?? ended);
        });
      } finally {
        await server.end();
      }
      await startsVm();
    });

    it('is backed up again while it is not running', async () => {
      await touchstone.stop();
      const second = join(directory, 'b2');
      const outcome = await backup(second);
      assert.equal(outcome.exitCode, 0, outcome.stderr);
    });
  });
});

async function connected(data: string): Promise<pg.Client> {
  const password = await readFile(join(data, 'secrets/postgres-server'), 'utf8');
  const host = join(data, 'postgres/socket');
  const client = new pg.Client({ host, database: 'touchstone', user: 'server', password });
  await client.connect();
  return client;
}

async function eventually(look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error('not after 60 s');
    await sleep(200);
  }
}
