import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentChecks, AgentStatus, checkAgainst } from '@touchstone/schemas';
import { unixClient } from '@touchstone/transport';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const INTERVAL_SECONDS = 1;

describe('An agent comes back by itself, and says meanwhile what is wrong', function () {
  this.timeout(120_000);
  let touchstone: Touchstone;
  let server: Replica;
  let host: AgentHost;
  let vm: string;
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-faults-'));
    touchstone = await startTouchstone({ intervalSeconds: INTERVAL_SECONDS });
    server = await startReplica(touchstone);
    host = await startAgentHost(touchstone, { name: 'hv-faults', server: server.url });
    vm = randomUUID();
    await touchstone.addVm({ uuid: vm, name: 'faults' });
  });
  after(async () => {
    await host?.stop();
    await server?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const run = () => host.run(vm, ['true']);
  const status = async () => {
    const client = unixClient({ path: join(host.stateDir, 'agent.sock') });
    const to = { method: 'GET', path: '/v1/status', schema: AgentStatus } as const;
    return client.request(to).finally(() => client.close());
  };
  const attestedAnew = async () => {
    const since = new Date().toISOString();
    await eventually(async () => {
      const { lastAttestedAt, lastError, state } = await status();
      return lastError === null && state === 'trusted' && (lastAttestedAt ?? '') > since;
    });
  };
  /** `doctor`, by subject. */
  const doctor = async () => {
    const { exitCode, stdout } = await host.command('doctor', '--json');
    const { checks } = checkAgainst(AgentChecks, JSON.parse(stdout));
    const faults = checks.filter(({ outcome }) => outcome === 'fault');
    assert.equal(exitCode, faults.length === 0 ? 0 : 1);
    for (const { remedy } of faults) assert.ok(remedy);
    return { checks, faults: faults.map(({ subject, code }) => `${subject}: ${code}`) };
  };
  const port = () => Number(new URL(server.url).port);

  it('finds nothing wrong with a host that is well, and disturbs nothing', async () => {
    await attestedAnew();
    const [{ checks, faults }, started] = await Promise.all([doctor(), run()]);
    assert.deepEqual(faults, []);
    assert.equal(started.exitCode, 0);
    const subjects = new Set(checks.map(({ subject }) => subject));
    for (const subject of [
      ...['state directory', 'enrolment', 'certificate', 'agent', 'TPM', 'TPM lockout'],
      ...['TPM places', 'EK certificate', 'server connection', 'server TLS', 'server key'],
      ...['server readiness', 'clock', 'trust bundle', 'CA connection', 'CA key'],
    ]) {
      assert.ok(subjects.has(subject), subject);
    }
    assert.ok(checks.every(({ outcome }) => outcome === 'ok'));
  });

  it('after its software TPM was killed: a new one, a new boot, trusted again, no start refused', async () => {
    const pid = await host.tpmPid();
    await host.cutPower();
    assert.equal((await run()).exitCode, 0);
    await attestedAnew();
    assert.notEqual(await host.tpmPid(), pid);
  });

  it('after its TPM hung: TPM_TIMEOUT meanwhile, in bounded time', async () => {
    const pid = (await host.tpmPid()) ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      const refused = await run();
      assert.deepEqual([refused.exitCode, refused.codes], [1, ['TPM_TIMEOUT']]);
      await eventually(async () => (await status()).lastError?.code === 'TPM_TIMEOUT');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await attestedAnew();
    assert.equal((await run()).exitCode, 0);
    assert.equal(await host.tpmPid(), pid);
  });

  it('after its server was away: UNREACHABLE meanwhile', async () => {
    await server.crash();
    const refused = await run();
    assert.deepEqual([refused.exitCode, refused.codes], [1, ['UNREACHABLE']]);
    await eventually(async () => (await status()).lastError?.code === 'UNREACHABLE');
    const { faults } = await doctor();
    assert.deepEqual(faults, ['agent: UNREACHABLE', 'server connection: CONNECTION_FAILED']);
    const attest = await host.command('attest');
    assert.equal(attest.exitCode, 69);
    assert.match(attest.stderr, /^touchstone-agent: UNREACHABLE: /u);

    server = await startReplica(touchstone, { port: port() });
    await attestedAnew();
    assert.equal((await run()).exitCode, 0);
  });

  it('attests when it is told to, beside the agent and without it', async () => {
    const byAgent = await host.command('attest', '--json');
    assert.equal(byAgent.exitCode, 0);
    const { hostId, state } = JSON.parse(byAgent.stdout) as Record<string, unknown>;
    assert.deepEqual([hostId, state], [host.hostId, 'trusted']);
    await host.stopAgent();
    const alone = await host.command('attest');
    assert.equal(alone.exitCode, 0);
    assert.match(alone.stdout, /^state {4}trusted$/mu);
    await host.startAgent();
  });

  /** Files of a new key and a certificate for it. */
  function newTls(name: string) {
    const [keyFile, certFile] = [join(directory, `${name}.key`), join(directory, `${name}.pem`)];
    const made = ['-keyout', keyFile, '-out', certFile, '-subj', '/CN=touchstone-server'];
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...ec, ...made], { stdio: 'ignore' });
    return { keyFile, certFile };
  }

  it('trusts another server key by the word of the held bundle key', async () => {
    await server.crash();
    server = await startReplica(touchstone, { port: port(), tls: newTls('second') });
    await attestedAnew();
    assert.deepEqual((await doctor()).faults, []);
  });

  it('trusts a server that lost that key too by a person’s word and by nothing else', async () => {
    await server.crash();
    const [tls, { keyFile: bundleKeyFile }] = [newTls('third'), newTls('bundle')];
    server = await startReplica(touchstone, { port: port(), tls, bundleKeyFile });
    await eventually(async () => (await status()).lastError?.code === 'PIN_MISMATCH');
    assert.deepEqual((await doctor()).faults, ['agent: PIN_MISMATCH', 'server key: PIN_MISMATCH']);
    const held = await readFile(join(host.stateDir, 'enrolment.json'));

    const trust = (fingerprint: string) => host.command('trust', '--fingerprint', fingerprint);
    await host.stopAgent();
    const wrong = await trust('ab'.repeat(32));
    assert.deepEqual([wrong.exitCode, /PIN_MISMATCH/u.test(wrong.stderr)], [69, true]);
    assert.deepEqual(await readFile(join(host.stateDir, 'enrolment.json')), held);

    const trusted = await trust(server.fingerprint);
    assert.equal(trusted.exitCode, 0, trusted.stderr);
    for (const key of [touchstone.fingerprint, server.fingerprint]) {
      assert.ok(trusted.stdout.includes(key), trusted.stdout);
    }
    await host.startAgent();
    await attestedAnew();
  });
});

async function eventually(look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error('not after 40 s');
    await sleep(100);
  }
}
