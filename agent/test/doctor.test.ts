import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentCheck, TrustBundle } from '@touchstone/schemas';
import { type Client, createEdge, listenTls, spkiPinOf } from '@touchstone/transport';
import { openTpm } from 'node-tpm2-tss-bindings';
import { lockOut, withTpmTools } from '../../test/support/tpm-tools.ts';
import { checkCertificate, checkEnrolment } from '../doctor/check-certificate.ts';
import { checkClock } from '../doctor/check-clock.ts';
import { isLocked } from '../doctor/check-daemon.ts';
import { checkPeer } from '../doctor/check-network.ts';
import { checkState } from '../doctor/check-state.ts';
import { checkTpm } from '../doctor/check-tpm.ts';
import { checkTrustBundle } from '../doctor/check-trust.ts';
import { bounded } from '../doctor/check.ts';
import { lookHere } from '../doctor/look-at-software-tpm.ts';
import { lockState } from '../state/lock.ts';
import { Attester } from '../tpm/attester.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';

const said = ({ outcome, code }: AgentCheck) => `${outcome} ${code}`;
const DAY_MS = 86_400_000;

describe('touchstone-agent doctor', () => {
  let directory: string;
  let [key, cert] = ['', ''];
  const file = (name: string) => join(directory, name);
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-doctor-'));
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...ec, '-days', '8', '-subj', '/CN=doctor'].concat(
        ['-keyout', file('key.pem')],
        ['-out', file('cert.pem')],
      ),
      { stdio: 'ignore' },
    );
    key = await readFile(file('key.pem'), 'utf8');
    cert = await readFile(file('cert.pem'), 'utf8');
  });
  after(() => rm(directory, { recursive: true }));

  describe('of the certificate, which lives eight days from now', () => {
    for (const [days, outcome] of [
      [-1, 'fault CLOCK_BEHIND_CERTIFICATE'],
      [0.01, 'ok OK'],
      [3.9, 'ok OK'],
      [4.1, 'warning CERTIFICATE_RENEWAL_OVERDUE'],
      [8.01, 'fault CERTIFICATE_ENDED'],
    ] as const) {
      it(`says after ${days} days: ${outcome}`, () => {
        const at = new Date(Date.now() + days * DAY_MS);
        assert.equal(said(checkCertificate(cert, at)), outcome);
      });
    }

    it('says of what is none: fault CERTIFICATE_UNREADABLE', () => {
      assert.equal(said(checkCertificate('junk', new Date())), 'fault CERTIFICATE_UNREADABLE');
    });

    it('tells a host that never enrolled from one whose enrolment stopped half-way', () => {
      assert.equal(said(checkEnrolment(null, null)), 'warning NOT_ENROLLED');
      const one = { akName: '000b11' } as never;
      assert.equal(said(checkEnrolment(one, null)), 'fault ENROLMENT_UNFINISHED');
      const other = { akName: '000b22' } as never;
      assert.equal(said(checkEnrolment(one, other)), 'fault ENROLMENT_UNFINISHED');
    });
  });

  describe('of the clock', () => {
    const now = new Date();
    for (const [ahead, outcome] of [
      [0, 'ok OK'],
      [-20, 'ok OK'],
      [45, 'warning CLOCK_SKEWED'],
      [-45, 'warning CLOCK_SKEWED'],
      [7_200, 'fault CLOCK_SKEWED'],
      [-7_200, 'fault CLOCK_SKEWED'],
    ] as const) {
      it(`${ahead} s ahead of the server’s: ${outcome}`, () => {
        const server = new Date(now.getTime() - ahead * 1_000);
        assert.equal(said(checkClock(now, server)), outcome);
      });
    }

    it('against a server that is not reached: warning CHECK_FAILED', () => {
      assert.equal(said(checkClock(now, null)), 'warning CHECK_FAILED');
    });
  });

  describe('of the trust bundle', () => {
    const ending = (ms: number) =>
      ({ epoch: 3, notAfter: new Date(Date.now() + ms).toISOString() }) as TrustBundle;
    const offering = (count: number) =>
      ({
        request: ({ path }: { path: string }) => {
          assert.equal(path, '/v1/trust-bundles/after/3');
          return Promise.resolve({ bundles: Array.from({ length: count }, () => 'a.b.c') });
        },
      }) as unknown as Client;

    it('says how it stands, and whether the server has a later one', async () => {
      const of = async (ms: number, client: Client | null) =>
        (await checkTrustBundle(ending(ms), client, new Date())).map(said);
      assert.deepEqual(await of(30 * DAY_MS, offering(0)), ['ok OK']);
      assert.deepEqual(await of(30 * DAY_MS, null), ['ok OK']);
      assert.deepEqual(await of(2 * DAY_MS, offering(0)), ['warning TRUST_BUNDLE_ENDING']);
      assert.deepEqual(await of(2 * DAY_MS, offering(1)), ['warning TRUST_BUNDLE_BEHIND']);
      assert.deepEqual(await of(-1, null), ['fault TRUST_BUNDLE_EXPIRED']);
    });
  });

  describe('of the state directory', () => {
    let stateDir: string;
    beforeEach(async () => {
      stateDir = file('state');
      await mkdir(stateDir, { mode: 0o700 });
    });
    afterEach(() => rm(stateDir, { recursive: true }));
    const found = async () => (await checkState(stateDir)).map(said);

    it('is well when it is its owner’s alone, empty or not', async () => {
      assert.deepEqual(await found(), ['ok OK']);
      await writeFile(join(stateDir, 'agent.yaml'), 'measure: [{ pcr: 9, file: /x }]\n');
      assert.deepEqual(await found(), ['ok OK']);
    });

    it('says of one that is not there: warning NOT_ENROLLED, and makes none', async () => {
      const missing = await checkState(join(stateDir, 'missing'));
      assert.deepEqual(missing.map(said), ['warning NOT_ENROLLED']);
      assert.deepEqual(await found(), ['ok OK']);
    });

    it('says of one that others may enter or write into: fault STATE_EXPOSED', async () => {
      await chmod(stateDir, 0o750);
      assert.deepEqual(await found(), ['fault STATE_EXPOSED']);
      await chmod(stateDir, 0o700);
      await writeFile(join(stateDir, 'notes'), '');
      await chmod(join(stateDir, 'notes'), 0o666);
      assert.deepEqual(await found(), ['fault STATE_EXPOSED']);
    });

    it('names each file that cannot be read: fault STATE_MALFORMED', async () => {
      for (const name of ['enrolment.json', 'attestation-key.json', 'binding-key.json']) {
        await writeFile(join(stateDir, name), '{"schema":', { mode: 0o600 });
      }
      const checks = await checkState(stateDir);
      assert.deepEqual(
        checks.map(said),
        Array.from({ length: 3 }, () => 'fault STATE_MALFORMED'),
      );
      assert.match(checks.map(({ detail }) => detail).join(), /enrolment\.json/u);
    });

    it('sees its lock held without taking it', async () => {
      assert.equal(await isLocked(stateDir), false);
      const lock = await lockState(stateDir);
      assert.equal(await isLocked(stateDir), true);
      await lock.release();
      assert.equal(await isLocked(stateDir), false);
    });
  });

  describe('of the network', () => {
    const peer = (port: number, more: { pin?: string; host?: string } = {}) =>
      checkPeer({
        name: 'server',
        url: `https://${more.host ?? '127.0.0.1'}:${port}`,
        pins: [more.pin ?? spkiPinOf(cert)],
        readyPath: '/v1/ready',
      });
    const last = async (...asked: Parameters<typeof peer>) => {
      const { checks } = await peer(...asked);
      const check = checks.at(-1);
      return `${check?.subject}: ${check === undefined ? '' : said(check)}`;
    };
    const serving = async (status: number, use: (port: number) => Promise<void>) => {
      const app = createEdge();
      app.use((ctx) => {
        ctx.status = status;
        ctx.body = { path: ctx.path };
      });
      const { port, close } = await listenTls(app, { host: '127.0.0.1', port: 0, key, cert });
      await use(port).finally(close);
    };
    const listening = async (server: Server, use: (port: number) => Promise<void>) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await use((server.address() as { port: number }).port).finally(() => server.close());
    };

    it('is well up to a server that is ready, and gives its time', async () => {
      await serving(200, async (port) => {
        const { checks, date } = await peer(port);
        assert.ok(checks.every(({ outcome }) => outcome === 'ok'));
        const subjects = ['connection', 'TLS', 'key', 'readiness'].map((step) => `server ${step}`);
        assert.deepEqual(
          checks.map(({ subject }) => subject),
          subjects,
        );
        assert.ok(Math.abs(Date.now() - (date?.getTime() ?? 0)) < 60_000);
        const named = await peer(port, { host: 'localhost' });
        assert.equal(named.checks[0]?.subject, 'server name');
      });
    });

    it('names a server that is not ready: SERVER_NOT_READY', async () => {
      await serving(503, async (port) => {
        assert.equal(await last(port), 'server readiness: fault SERVER_NOT_READY');
      });
    });

    it('names another key than the pinned one: PIN_MISMATCH, and both', async () => {
      await serving(200, async (port) => {
        const { checks } = await peer(port, { pin: 'ab'.repeat(32) });
        assert.equal(checks.at(-1)?.code, 'PIN_MISMATCH');
        assert.match(checks.at(-1)?.detail ?? '', /abab.+presented [0-9a-f]{64}/u);
      });
    });

    it('names an address where nobody listens: CONNECTION_FAILED', async () => {
      let free = 0;
      await listening(createServer(), async (port) => {
        free = port;
      });
      assert.equal(await last(free), 'server connection: fault CONNECTION_FAILED');
    });

    it('names a listener that does not speak TLS 1.3: TLS_FAILED', async () => {
      await listening(
        createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.0 400\r\n\r\n')),
        async (port) => assert.equal(await last(port), 'server TLS: fault TLS_FAILED'),
      );
    });

    it('names a name that does not resolve: NAME_UNRESOLVED', async () => {
      const outcome = await last(443, { host: 'no-such-host.invalid' });
      assert.equal(outcome, 'server name: fault NAME_UNRESOLVED');
    });

    it('waits for nobody longer than it says', async () => {
      const checks = await bounded('server', 50, () => new Promise(() => undefined));
      assert.deepEqual(checks.map(said), ['fault CHECK_FAILED']);
    });
  });

  describe('of the TPM', () => {
    let host: Hypervisor;
    const tcti = () => `swtpm:path=${join(host.stateDir, 'swtpm', 'socket')}`;
    const path = process.env['PATH'] ?? '';
    const look = async () =>
      new Map((await lookHere(host.stateDir, path)).map((check) => [check.subject, check]));

    before(async () => {
      host = await makeHypervisor();
    });
    after(() => host.remove());

    it('says of a software TPM that is not made or does not run that the agent sees to it', async () => {
      assert.match((await look()).get('TPM')?.detail ?? '', /not made yet/u);
      const attester = new Attester(host.stateDir, []);
      await attester.use(async () => undefined);
      await attester.close();
      await host.powerOff();
      assert.match((await look()).get('TPM')?.detail ?? '', /does not run/u);
      assert.ok([...(await look()).values()].every(({ outcome }) => outcome === 'ok'));
    });

    it('flushes nothing of who uses it, and sees that it is full: warning TPM_FULL', async () => {
      const attester = new Attester(host.stateDir, []);
      try {
        await attester.use(async (tpm) => {
          const session = await tpm.startPolicySession();
          assert.equal((await look()).get('TPM places')?.code, 'OK');
          await tpm.policySecretEndorsement(session);
          await tpm.startHmacSession();
          await tpm.startHmacSession();
          const full = (await look()).get('TPM places');
          assert.equal(full && said(full), 'warning TPM_FULL');
          await tpm.policySecretEndorsement(session);
        });
      } finally {
        await attester.close();
      }
    });

    it('names a lockout: warning TPM_LOCKED_OUT', async () => {
      const before = (await look()).get('TPM lockout');
      assert.equal(before?.code, 'OK');
      await withTpmTools(tcti(), lockOut);
      const locked = (await look()).get('TPM lockout');
      assert.equal(locked && said(locked), 'warning TPM_LOCKED_OUT');
    });

    it('names an EK certificate that cannot be read, as long as another can: a warning', async () => {
      await withTpmTools(tcti(), async ({ run, write }) => {
        await write('junk', Buffer.from('no certificate at all'));
        await run('tpm2_nvdefine', '0x01c0000a', '-C', 'o', '-s', '21');
        await run('tpm2_nvwrite', '0x01c0000a', '-C', 'o', '-i', 'junk');
      });
      const tpm = await openTpm({ tcti: tcti(), shared: true });
      const checks = await checkTpm(tpm).finally(() => tpm.close());
      const certificates = checks.filter(({ subject }) => subject === 'EK certificate');
      const outcomes = certificates.map(said);
      assert.ok(
        outcomes.includes('ok OK') && outcomes.includes('warning EK_CERTIFICATE_UNREADABLE'),
      );
    });

    it('names one that cannot be given keys of disks: a warning, SEALED_DISKS_UNSUPPORTED', async () => {
      const tpm = await openTpm({ tcti: tcti(), shared: true });
      const lacking: typeof tpm = {
        ...tpm,
        getCapability: async (cap, property, count) => {
          const data = Buffer.from(await tpm.getCapability(cap, property, count));
          for (let at = 8; cap === 2 && at < data.length; at += 4) {
            if (data.readUInt16BE(at + 2) === 0x160) data.writeUInt16BE(0x161, at + 2);
          }
          return data;
        },
      };
      const checkOf = async (of: typeof tpm) =>
        (await checkTpm(of)).find(({ subject }) => subject === 'sealed disks');
      try {
        assert.equal((await checkOf(tpm))?.outcome, 'ok');
        const check = await checkOf(lacking);
        assert.deepEqual([check?.outcome, check?.code], ['warning', 'SEALED_DISKS_UNSUPPORTED']);
        assert.match(check?.detail ?? '', /TPM2_PolicySigned/u);
      } finally {
        await tpm.close();
      }
    });

    it('names a TPM that has none at all: a warning, EK_CERTIFICATE_MISSING', async () => {
      const bare = file('bare');
      await mkdir(join(bare, 'swtpm'), { recursive: true, mode: 0o700 });
      await promisify(execFile)('swtpm_setup', ['--tpm2', '--tpmstate', `dir://${bare}/swtpm`]);
      const socket = join(bare, 'swtpm', 'socket');
      const swtpm = spawn(
        'swtpm',
        ['socket', '--tpm2', '--tpmstate', `dir=${bare}/swtpm`].concat(
          ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
          ['--flags', 'not-need-init,startup-clear'],
        ),
        { stdio: 'ignore' },
      );
      const ended = once(swtpm, 'exit');
      try {
        let checks = await lookHere(bare, path);
        while (checks.length === 1) checks = await lookHere(bare, path);
        const [check] = checks.filter(({ subject }) => subject === 'EK certificate');
        assert.equal(check && said(check), 'warning EK_CERTIFICATE_MISSING');
      } finally {
        swtpm.kill('SIGKILL');
        await ended;
      }
    });
  });
});
