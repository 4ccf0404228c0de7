import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CaConfig } from '@touchstone/ca';
import { type ByteClient, pinnedClient, spkiPinOf } from '@touchstone/transport';
import type { Postgres, PostgresLogin } from '../../../test/support/postgres.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

/** The CA as it is deployed: `init`, then `serve`, with a database of its own. */
export interface CaProcess {
  readonly client: ByteClient;
  readonly url: string;
  readonly stateDir: string;
  readonly configFile: string;
  readonly pid: number;
  /** Of everything since the start. */
  stderr(): string;
  stdout(): string;
  /** SIGKILL: what a power cut leaves. Then `start` serves again, at another port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  remove(): Promise<void>;
}

export type CaOptions = {
  readonly database: string;
  readonly roots?: CaConfig['roots'];
  readonly limits?: CaConfig['limits'];
  /** Puts what an older version left into the state directory. */
  readonly before?: (stateDir: string) => Promise<void>;
};

/** Far above what tests send. */
const UNLIMITED = { burst: 100_000, perSecond: 100_000 };

export async function startCa(postgres: Postgres, options: CaOptions): Promise<CaProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-ca-'));
  const stateDir = join(dir, 'state');
  const configFile = join(dir, 'ca.json');
  const output = { stderr: '', stdout: '' };
  let child: ChildProcess | undefined;
  let client: ByteClient | undefined;
  let port = 0;

  const end = async (signal: NodeJS.Signals) => {
    await client?.close();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    return (await ended)[0];
  };
  const remove = async () => {
    await end('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  };
  const start = async () => {
    child = spawn(process.execPath, [MAIN, 'serve', '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const killAtExit = () => child?.kill('SIGKILL');
    process.once('exit', killAtExit);
    child.once('exit', () => process.off('exit', killAtExit));
    child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    port = await readyPort(child, output);
    const pin = spkiPinOf(await readFile(join(dir, 'tls.cert'), 'utf8'));
    client = pinnedClient({ url: `https://127.0.0.1:${port}`, pin });
  };

  try {
    await selfSigned(dir);
    const logins = await postgres.createDatabase(options.database, ['ca_migrate', 'ca']);
    const config: CaConfig = {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { keyFile: 'tls.key', certFile: 'tls.cert' },
      database: addressOf(logins.ca),
      migrateDatabase: addressOf(logins.ca_migrate),
      stateDir: 'state',
      custody: { issuing: { kind: 'file', passphrase: { file: 'passphrase' } } },
      roots: options.roots ?? [],
      publicUrl: 'https://ca.example:9443',
      limits: options.limits ?? { perAddress: UNLIMITED, total: UNLIMITED },
    };
    await writeFile(configFile, JSON.stringify(config));
    await writeFile(join(dir, 'passphrase'), `${randomBytes(16).toString('hex')}\n`, {
      mode: 0o600,
    });
    await options.before?.(stateDir);
    await run(process.execPath, [MAIN, 'init', '--config', configFile]);
    await start();
  } catch (error) {
    await remove();
    throw error;
  }

  return {
    get client() {
      if (client === undefined) throw new Error('not started');
      return client;
    },
    get url() {
      return `https://127.0.0.1:${port}`;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    ...{ stateDir, configFile, start, remove },
    stderr: () => output.stderr,
    stdout: () => output.stdout,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

/** Tokens of the CA's operators, once in its life: one, or two where its quorum is 2. */
export async function firstOperators(
  ca: CaProcess,
  quorum = 1,
): Promise<readonly [string, ...string[]]> {
  const { code, stdout, stderr } = await runCa(
    ...['first-operator', '--config', ca.configFile, '--quorum', String(quorum)],
  );
  if (code !== 0) throw new Error(`no first operator: ${stderr}`);
  const { token, second } = JSON.parse(stdout) as { token: string; second?: { token: string } };
  return second === undefined ? [token] : [token, second.token];
}

/** One run of main.ts to its end. */
export async function runCa(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

async function readyPort(child: ChildProcess, output: { stdout: string; stderr: string }) {
  const ready = new Promise<number>((resolve) => {
    let own = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output.stdout += chunk.toString();
      own += chunk.toString();
      if (own.endsWith('\n')) resolve((JSON.parse(own) as { port: number }).port);
    });
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the CA ended with ${code}: ${output.stderr}`);
  });
  failed.catch(() => {});
  return Promise.race([ready, failed]);
}

const selfSigned = (cwd: string) =>
  run(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=ca', '-days', '2', '-keyout', 'tls.key', '-out', 'tls.cert'],
    ],
    { cwd },
  );

function addressOf(login: PostgresLogin): CaConfig['database'] {
  const { host, port, database, user, passwordFile } = login;
  return { host, port, database, user, passwordFile };
}
