import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { CaConfig } from '@touchstone/ca';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import { EK_TEMPLATE_RSA2048, encodeTpmtPublic } from '@touchstone/tpm';
import { loadConfig } from '../config.ts';
import { framesOf, writeFrame } from '../frames.ts';
import { type OpenIssuance, openIssuance } from '../issuance-client/index.ts';
import { SOFTHSM_LIBRARY, startSoftHsm } from './support/softhsm.ts';
import { makeAkPublic } from './support/made-endorsement.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const WORDS = 'a passphrase for the process';
const silent = pino({ level: 'silent' });

type Said = { readonly code: number | null; readonly stdout: string; readonly log: string };

describe('the process of the issuance', () => {
  let dir: string;
  let opened: OpenIssuance[] = [];
  let children: ChildProcess[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-iss-'));
    await writeFile(join(dir, 'words'), `${WORDS}\n`, { mode: 0o600 });
  });
  afterEach(async () => {
    for (const issuance of opened) issuance.close();
    for (const child of children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    opened = [];
    children = [];
    await rm(dir, { recursive: true, force: true });
  });

  /** A configuration of the CA's, in which the issuance looks at no more than this. */
  async function configure(some: Partial<CaConfig> = {}): Promise<string> {
    const database = {
      ...{ host: '/nowhere', port: 1, database: 'none', user: 'none', passwordFile: 'none' },
    };
    const config: CaConfig = {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { keyFile: 'none', certFile: 'none' },
      ...{ database, migrateDatabase: database, stateDir: 'state', roots: [] },
      custody: { issuing: { kind: 'file', passphrase: { file: 'words' } } },
      publicUrl: 'https://ca.example:9443',
      ...some,
    };
    const file = join(dir, 'ca.json');
    await writeFile(file, JSON.stringify(config));
    return file;
  }
  async function open(file: string): Promise<OpenIssuance> {
    const issuance = await openIssuance(await loadConfig(file), file, silent);
    opened.push(issuance);
    return issuance;
  }
  /** `main.ts issuance` by itself. */
  function start(file: string, stdio: readonly ('pipe' | 'ignore' | number)[] = []) {
    const child = spawn(process.execPath, [MAIN, 'issuance', '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe', ...stdio],
    });
    children.push(child);
    let [stdout, log] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const ended = once(child, 'close').then(([code]): Said => ({ code, stdout, log }));
    const ready = async () => {
      for (let tries = 0; stdout === '' && child.exitCode === null && tries < 400; tries += 1) {
        await sleep(25);
      }
      assert.equal(stdout, '{"ready":true}\n', log);
    };
    return { child, ended, ready };
  }

  /** A root, an issuing CA and an AK certificate; the bytes of the last. */
  async function issue(issuance: OpenIssuance): Promise<Uint8Array> {
    const now = new Date();
    const { keyId } = await issuance.makeKey('first/root', 'root');
    const root = await issuance.signRoot({ keyId, now });
    const issuing = await issuance.makeKey('first/issuing', 'issuing');
    const issuer = await issuance.signIssuing({ root, keyId: issuing.keyId, now });
    const area = makeAkPublic();
    const ak = {
      akPublic: encodeTpmtPublic(area),
      akQualifiedName: akQualifiedNameOf(EK_TEMPLATE_RSA2048, area),
      class: 'firmware' as const,
      ekRef: await issuance.ekRef(new Uint8Array(34)),
      tpm: { weaknesses: ['ek-roca'] },
      secretSha256: 'what the table has besides stays behind',
    };
    return (await issuance.signAk({ issuer, ak, now, crlUrl: 'https://ca.example/1' })).der;
  }

  /** Of the issuance that this process started as its child. */
  function childPid(): number {
    const pids = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
      encoding: 'utf8',
    });
    const line = pids.split('\n').find((one) => one.includes(join(dir, 'ca.json'))) ?? '';
    return Number(line.trim().split(' ')[0]);
  }

  describe('as a child', () => {
    it('has no network: no interface is up, no address can be reached, no socket is there', async () => {
      await open(await configure());
      const pid = childPid();
      assert.notEqual(
        await readlink(`/proc/${pid}/ns/net`),
        await readlink('/proc/self/ns/net'),
        'unshare --net works where these tests run',
      );
      for (const table of ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6']) {
        const lines = (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).trimEnd().split('\n');
        assert.equal(lines.length, 1, table);
      }
      const reach = `const net = require('node:net');
        for (const host of ['127.0.0.1', '::1', '192.0.2.1']) {
          const socket = net.connect({ host, port: 9 });
          socket.on('connect', () => console.log('connected'));
          socket.on('error', (error) => console.log(error.code));
        }`;
      const said = execFileSync(
        'nsenter',
        [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '--eval', reach],
        { encoding: 'utf8' },
      );
      for (const code of said.trim().split('\n')) {
        assert.match(code, /^(ENETUNREACH|EADDRNOTAVAIL|EHOSTUNREACH)$/u);
      }
    });

    it('is started again after its end, and has the same keys', async () => {
      const issuance = await open(await configure());
      await issue(issuance);
      const [before, pid] = [await issuance.keys(), childPid()];
      process.kill(pid, 'SIGKILL');
      let after: Awaited<ReturnType<OpenIssuance['keys']>> | undefined;
      for (let tries = 0; after === undefined && tries < 200; tries += 1) {
        after = await issuance.keys().catch(async (error: unknown) => {
          assert.equal((error as { code?: string }).code, 'ISSUANCE_UNAVAILABLE');
          return sleep(50, undefined);
        });
      }
      assert.deepEqual(after, before);
      assert.notEqual(childPid(), pid);
    });

    it('ends with whoever started it', async () => {
      const issuance = await open(await configure());
      const pid = childPid();
      issuance.close();
      const alive = () => stat(`/proc/${pid}/exe`).catch(() => undefined);
      for (let tries = 0; (await alive()) !== undefined && tries < 200; tries += 1) await sleep(25);
      assert.equal(await alive(), undefined);
      await assert.rejects(issuance.keys(), { code: 'ISSUANCE_UNAVAILABLE' });
    });

    it('says what keeps it from its keys', async () => {
      const file = await configure();
      await issue(await open(file));
      await writeFile(join(dir, 'words'), 'another passphrase altogether');
      await assert.rejects(open(file), { code: 'PASSPHRASE_WRONG', status: 503 });
    });

    it('does its daily work while the root’s keys are locked: ROOT_KEY_LOCKED', async () => {
      await issue(await open(await configure()));
      const issuing = { kind: 'file', passphrase: { file: 'words' } } as const;
      const issuance = await open(
        await configure({ custody: { issuing, root: { kind: 'file' } } }),
      );
      const [root] = await issuance.keys();
      assert.equal(root?.role, 'root');
      const now = new Date();
      const locked = { code: 'ROOT_KEY_LOCKED' };
      await assert.rejects(issuance.signRoot({ keyId: root?.keyId ?? '', now }), locked);
      assert.equal((await issuance.makeKey('r1/issuing', 'issuing')).role, 'issuing');
    });

    it('has the root’s keys in a token, and the others in files', async () => {
      const hsm = await startSoftHsm();
      try {
        await writeFile(join(dir, 'pin'), hsm.pin, { mode: 0o600 });
        const root = {
          kind: 'pkcs11',
          ...{ library: SOFTHSM_LIBRARY, token: hsm.token, pin: { file: 'pin' } },
        } as const;
        const issuing = { kind: 'file', passphrase: { file: 'words' } } as const;
        const file = await configure({ custody: { issuing, root } });
        assert.ok((await issue(await open(file))).length > 0);
        assert.deepEqual(await readdir(join(dir, 'state/keys')), ['issuing']);
        await writeFile(join(dir, 'pin'), '0000');
        await assert.rejects(open(file), { code: 'TOKEN_LOGIN_REFUSED' });
      } finally {
        await hsm.remove();
      }
    });
  });

  describe('at a socket', () => {
    const issuance = () => ({ kind: 'socket', path: join(dir, 's') }) as const;
    const serve = async () => {
      const file = await configure({ issuance: issuance() });
      const served = start(file);
      await served.ready();
      return { file, ...served };
    };
    const asking = async (): Promise<Socket> => {
      const socket = connect(join(dir, 's'));
      await once(socket, 'connect');
      return socket;
    };

    it('is open to its group alone, replaces what a dead one left, and ends at SIGTERM', async () => {
      const first = await serve();
      assert.equal((await stat(join(dir, 's'))).mode & 0o777, 0o660);
      first.child.kill('SIGKILL');
      await first.ended;
      assert.ok((await stat(join(dir, 's'))).isSocket());
      const { file, child, ended } = await serve();
      assert.ok((await issue(await open(file))).length > 0);
      // Its first keys are made through the socket, by a user that is bound by modes.
      for (const own of ['keys', 'keys/root', 'keys/issuing']) {
        assert.equal((await stat(join(dir, 'state', own))).mode & 0o777, 0o700, own);
      }
      child.kill('SIGTERM');
      assert.equal((await ended).code, 0);
      await assert.rejects(stat(join(dir, 's')), { code: 'ENOENT' });
    });

    it('answers ISSUANCE_REFUSED to what is no request of one of its kinds', async () => {
      await serve();
      const socket = await asking();
      const answers = framesOf(socket, 65_536);
      const next = async () => {
        const { value } = (await answers.next()) as { value: Buffer };
        return JSON.parse(value.toString()) as { error?: { code: string; subject: string } };
      };
      await next();
      const refused = async (operation: string, given: unknown, subject: string) => {
        writeFrame(socket, { id: 1, operation, arguments: given });
        assert.deepEqual((await next()).error, { code: 'ISSUANCE_REFUSED', subject });
      };
      const now = new Date().toISOString();
      await refused('makeKey', ['first/root', 'other'], 'makeKey');
      await refused('makeKey', ['first/root'], 'makeKey');
      await refused('ekRef', ['AAA='], 'ekRef');
      await refused('ekRef', ['A'.repeat(100)], 'ekRef');
      await refused('signRoot', [{ keyId: '00', now, more: 1 }], 'signRoot');
      await refused('signRoot', [{ keyId: '00' }], 'now');
      await refused('signRoot', [{ keyId: '00', now: '2026-02-30T00:00:00.000Z' }], 'now');
      await refused('signRoot', [{ keyId: '00', now: 5 }], 'now');
      socket.destroy();
    });

    it('hangs up on bytes that are no request at all, and serves others', async () => {
      const { file } = await serve();
      const frame = (text: string) => {
        const header = Buffer.alloc(4);
        header.writeUInt32BE(text.length);
        return Buffer.concat([header, Buffer.from(text)]);
      };
      const junk = [
        Buffer.from('ffffffff00', 'hex'),
        frame('{'),
        frame('[]'),
        frame('{"id":1,"operation":"sign","arguments":[]}'),
        frame('{"id":1,"id":2,"operation":"keys","arguments":[]}'),
        frame('{"id":1,"operation":"constructor","arguments":[]}'),
        frame('{"id":-1,"operation":"keys","arguments":[]}'),
      ];
      for (const bytes of junk) {
        const socket = await asking();
        const ended = once(socket, 'close');
        socket.on('error', () => {});
        socket.resume();
        socket.write(bytes);
        await ended;
      }
      assert.deepEqual(await (await open(file)).keys(), []);
    });

    it('takes its passphrase from a descriptor', async () => {
      const issuing = { kind: 'file', passphrase: { fd: 3 } } as const;
      const file = await configure({ issuance: issuance(), custody: { issuing } });
      const piped = start(file, ['pipe']);
      (piped.child.stdio[3] as Socket).end(`${WORDS}\n`);
      await piped.ready();
      await issue(await open(file));
    });
  });

  it('is told where its keys lie, or does not run: CONFIG_INVALID', async () => {
    const file = await configure({ issuance: { kind: 'socket', path: 's' } });
    const { custody: _, ...without } = JSON.parse(await readFile(file, 'utf8')) as CaConfig;
    await writeFile(file, JSON.stringify(without));
    const { code, log } = await start(file).ended;
    assert.equal(code, 65);
    assert.match(log, /CONFIG_INVALID/u);
  });
});
