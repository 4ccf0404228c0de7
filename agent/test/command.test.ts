import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEdge, listenUnix } from '@touchstone/transport';
import { type KeyRecord, writeEnrolment, writeKeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { type Ended, runAgent, startDaemon, tcpPortsOf } from './support/command.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';
import {
  enrolmentAt,
  REFUSAL,
  refusing,
  startVerifier,
  type Verifier,
} from './support/verifier.ts';

const VM = randomUUID();
const ENROLL = ['enroll', '--server', 'https://x', '--fingerprint', '00'.repeat(32)];

const runVm = (stateDir: string, ...command: readonly string[]) =>
  runAgent('run', '--state', stateDir, '--vm', VM, '--', ...command);

describe('touchstone-agent', () => {
  describe('with an agent that runs', () => {
    let host: Hypervisor;
    let verifier: Verifier;
    let key: KeyRecord;
    let daemon: Awaited<ReturnType<typeof startDaemon>>;
    let marker: string;

    before(async () => {
      host = await makeHypervisor();
      verifier = await startVerifier();
      marker = join(host.stateDir, 'started');
      const attester = new Attester(host.stateDir, []);
      key = await attester.createKey();
      await attester.close();
      await host.powerOff();
      await writeKeyRecord(host.stateDir, key);
      await writeEnrolment(host.stateDir, enrolmentAt(verifier, key));
      daemon = await startDaemon(host.stateDir);
    });

    beforeEach(() => verifier.behave({}));

    after(async () => {
      daemon.kill('SIGKILL');
      await daemon.ended;
      await verifier.close();
      await host.remove();
    });

    const status = async () => {
      const { stdout } = await runAgent('status', '--json', '--state', host.stateDir);
      return JSON.parse(stdout) as { lastAttestedAt: string | null; verdict: string };
    };

    it('says when it is ready, attests at once and tells its status', async () => {
      assert.deepEqual(JSON.parse(daemon.line), { ready: true });
      while ((await status()).lastAttestedAt === null) await sleep(50);
      assert.equal((await status()).verdict, 'affirming');
      const { stdout } = await runAgent('status', '--state', host.stateDir);
      assert.match(stdout, /^verdict {4}affirming$/mu);
    });

    it('answers its owner alone', async () => {
      const { mode } = await stat(join(host.stateDir, 'agent.sock'));
      assert.equal((mode & 0o777).toString(8), '600');
    });

    it('starts a permitted command in its own place: pid, words and exit code are the command’s', async () => {
      const script = 'echo $$ "$@"; exit 7';
      const { pid, code, stdout, stderr } = await runVm(
        host.stateDir,
        ...['sh', '-c', script, 'sh', '-v', '--', 'a b'],
      );
      assert.deepEqual([code, stdout, stderr], [7, `${pid} -v -- a b\n`, '']);
    });

    it('starts nothing when it is refused, and says why: exit code 1', async () => {
      verifier.behave({ permits: (asked) => refusing(asked) });
      const { code, stdout, stderr } = await runVm(host.stateDir, 'touch', marker);
      assert.deepEqual([code, stdout], [1, '']);
      assert.ok(!existsSync(marker));
      for (const words of [VM, REFUSAL.code, REFUSAL.remedy, 'No proof, no guests']) {
        assert.ok(stderr.includes(words), words);
      }
    });

    it('starts nothing that is not there: exit code 1', async () => {
      await writeFile(join(host.stateDir, 'no-format'), 'text', { mode: 0o755 });
      await writeFile(join(host.stateDir, 'not-executable'), '#!/bin/sh\n', { mode: 0o644 });
      const own = ['no-format', 'not-executable'].map((name) => join(host.stateDir, name));
      for (const program of ['no-such-program', '/no/such/program', host.stateDir, ...own]) {
        const { code, stderr } = await runVm(host.stateDir, program);
        assert.equal(code, 1);
        assert.match(stderr, /DEFINITION_UNREADABLE/u);
      }
    });

    it('lets no second agent at its state: STATE_LOCKED, exit code 69', async () => {
      const { code, stderr } = await runAgent('daemon', '--state', host.stateDir);
      assert.equal(code, 69);
      assert.match(stderr, /STATE_LOCKED/u);
    });

    it('listens on no TCP and no UDP port', async () => {
      assert.deepEqual(await tcpPortsOf(daemon.pid ?? 0), []);
    });

    it('goes on after SIGKILL, at once, with the same software TPM', async () => {
      const pidFile = join(host.stateDir, 'swtpm', 'pid');
      const pid = await readFile(pidFile, 'utf8');
      daemon.kill('SIGKILL');
      await daemon.ended;
      const { code } = await runVm(host.stateDir, 'touch', marker);
      assert.equal(code, 69);
      daemon = await startDaemon(host.stateDir);
      assert.equal((await runVm(host.stateDir, 'true')).code, 0);
      assert.equal(await readFile(pidFile, 'utf8'), pid);
      assert.ok(!existsSync(marker));
    });

    it('ends in order on SIGTERM: exit code 0, no socket, no secret and no warning in its log', async () => {
      daemon.kill('SIGTERM');
      const { code, stderr, stdout } = await daemon.ended;
      assert.equal(code, 0);
      assert.ok(!existsSync(join(host.stateDir, 'agent.sock')));
      assert.match(stderr, /attested/u);
      for (const line of stderr.trim().split('\n')) JSON.parse(line);
      for (const secret of [key.auth, key.private])
        assert.ok(!`${stdout}${stderr}`.includes(secret));
      daemon = await startDaemon(host.stateDir);
    });
  });

  describe('with a socket that answers anything but a permit for this VM', () => {
    let dir: string;

    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'ts-run-'));
    });

    afterEach(() => rm(dir, { recursive: true }));

    const permitted = {
      decision: 'permitted',
      requestId: randomUUID(),
      permitId: randomUUID(),
      vm: VM,
      definitionDigest: '00'.repeat(32),
    };
    const withAnswer = async (answer: unknown, use: () => Promise<void>) => {
      const app = createEdge();
      app.use((ctx) => {
        if (answer instanceof Error) throw answer;
        ctx.body = answer;
      });
      const listening = await listenUnix(app, { path: join(dir, 'agent.sock'), mode: 0o600 });
      await use().finally(() => listening.close());
    };
    const startsNothing = async (code: number): Promise<Ended> => {
      const ended = await runVm(dir, 'touch', join(dir, 'started'));
      assert.equal(ended.code, code, ended.stderr);
      assert.ok(!existsSync(join(dir, 'started')));
      assert.match(ended.stderr, /is not started/u);
      return ended;
    };

    it('starts on that permit alone, which shows that the rest of this would notice', async () => {
      await withAnswer(permitted, async () => {
        assert.equal((await runVm(dir, 'touch', join(dir, 'started'))).code, 0);
        assert.ok(existsSync(join(dir, 'started')));
      });
    });

    for (const [what, answer] of [
      ['another VM’s permit', { ...permitted, vm: randomUUID() }],
      ['a permit without its id', { ...permitted, permitId: undefined }],
      ['a permit and more', { ...permitted, findings: [] }],
      ['another decision', { ...permitted, decision: 'PERMITTED' }],
      ['a refusal that says permitted', { ...permitted, decision: 'refused', permitted: true }],
      ['an empty object', {}],
      ['nothing', ''],
      ['text', 'permitted'],
      ['a list', [permitted]],
      ['an error', new Error('bug')],
    ] as const) {
      it(`${what}: exit code 1`, async () => {
        await withAnswer(answer, async () => {
          await startsNothing(1);
        });
      });
    }

    it('G12: a connection that ends: exit code 69', async () => {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(join(dir, 'agent.sock'), resolve));
      try {
        await startsNothing(69);
      } finally {
        server.close();
      }
    });

    it('no socket, a dead one, and none at all: AGENT_UNAVAILABLE, exit code 69', async () => {
      assert.match((await startsNothing(69)).stderr, /AGENT_UNAVAILABLE/u);
      await writeFile(join(dir, 'agent.sock'), '');
      assert.match((await startsNothing(69)).stderr, /AGENT_UNAVAILABLE/u);
      await assert.rejects(
        new Promise((_, reject) => connect(join(dir, 'agent.sock')).once('error', reject)),
      );
    });

    it('a status and an attestation from there: STATE_EXPOSED', async () => {
      const status = {
        hostId: null,
        class: null,
        tpm: null,
        server: 'https://x',
        state: 'trusted',
      };
      await withAnswer(status, async () => {
        await chmod(dir, 0o720);
        for (const command of ['status', 'attest']) {
          const { code, stdout, stderr } = await runAgent(command, '--state', dir);
          assert.deepEqual([code, stdout], [69, '']);
          assert.match(stderr, /STATE_EXPOSED/u);
        }
      });
    });

    it('a permit from where others may put a socket: STATE_EXPOSED, exit code 1', async () => {
      await withAnswer(permitted, async () => {
        for (const bits of [0o720, 0o702]) {
          await chmod(dir, bits);
          assert.match((await startsNothing(1)).stderr, /STATE_EXPOSED/u);
        }
      });
    });

    it('says so on a terminal that no answer drives', async () => {
      const finding = { ...REFUSAL, subject: 'hv1', actual: 'a\u001b]0;x' };
      const refused = { decision: 'refused', requestId: randomUUID(), vm: VM, code: 'X_Y' };
      await withAnswer({ ...refused, findings: [finding] }, async () => {
        assert.doesNotMatch((await startsNothing(1)).stderr, /\u001b/u);
      });
    });
  });

  describe('with words that it cannot use', () => {
    for (const args of [
      ['run', '--vm', VM],
      ['run', '--', 'true'],
      ['run', '--vm', 'web1', '--', 'true'],
      ['run', '--vm', VM, '--force', '--', 'true'],
      ['enroll'],
      ['enroll', '--server', 'http://x', '--fingerprint', '00'.repeat(32)],
      ['enroll', '--server', 'https://x', '--fingerprint', '00'],
      [...ENROLL, '--name', 'a/b'],
      [...ENROLL, '--tpm', '/dev/tpm0'],
      [...ENROLL, '--tpm', 'tpmrm0'],
      [...ENROLL, '--ek', 'rsa-1024'],
      ['daemon', 'now'],
      ['allow'],
      [],
    ]) {
      it(`${['touchstone-agent', ...args].join(' ').replaceAll('00', '')}: exit code 64`, async () => {
        const { code, stdout, stderr } = await runAgent(...args);
        assert.deepEqual([code, stdout], [64, '']);
        assert.notEqual(stderr, '');
        assert.doesNotMatch(stderr, /Warning/u);
      });
    }

    it('helps who asks: exit code 0', async () => {
      const { code, stdout } = await runAgent('--help');
      assert.equal(code, 0);
      for (const command of ['enroll', 'daemon', 'run', 'status'])
        assert.ok(stdout.includes(command));
    });
  });

  it('is no daemon before it is enrolled: NOT_ENROLLED, exit code 69, and ends', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ts-none-'));
    try {
      const { code, stderr } = await runAgent('daemon', '--state', dir);
      assert.equal(code, 69);
      assert.match(stderr, /NOT_ENROLLED[^]*touchstone-agent enroll/u);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('names what is malformed in its state, and ends: STATE_MALFORMED, exit code 65', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ts-none-'));
    try {
      await writeFile(join(dir, 'agent.yaml'), 'nonsense: 1\n');
      const { code, stderr } = await runAgent('daemon', '--state', dir);
      assert.equal(code, 65);
      assert.match(stderr, /STATE_MALFORMED[^]*agent\.yaml/u);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
