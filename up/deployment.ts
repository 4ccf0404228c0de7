import { randomBytes } from 'node:crypto';
import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, runToEnd, startRoom } from './child.ts';
import { ensureDataDirectory } from './data-directory.ts';
import { UpError } from './failure.ts';
import { type PrivatePostgres, startPrivatePostgres } from './private-postgres.ts';
import { keepSecret, keepTlsIdentity, newSigningKey, type TlsIdentity } from './secrets.ts';

export type DeploymentOptions = {
  readonly dataDir: string;
  readonly host: string;
  readonly serverPort: number;
  readonly caPort: number;
  readonly intervalSeconds: number;
  readonly progress: (line: string) => void;
};

export type Deployment = {
  readonly url: string;
  readonly fingerprint: string;
  /** The operator's first token: only the first time that this data directory comes up. */
  readonly firstToken: string | null;
  /** Resolves with a name when a part has ended by itself. */
  readonly failed: Promise<string>;
  stop(): Promise<void>;
};

const HOUSE = await realpath(fileURLToPath(new URL('..', import.meta.url)));

/** Private PostgreSQL, the CA and the verifier, each a process with its own files: DESIGN section 6. */
export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const { dataDir, progress } = options;
  await ensureDataDirectory(dataDir);
  const started: {
    readonly name: string;
    readonly child: Child;
    readonly signal: NodeJS.Signals;
  }[] = [];
  const stop = async (): Promise<void> => {
    for (const { child, signal } of started.toReversed()) await child.stop(signal);
  };
  try {
    progress('starting the private PostgreSQL');
    const postgres = await startPrivatePostgres(dataDir, progress);
    started.push({ name: 'PostgreSQL', child: postgres.child, signal: 'SIGINT' });
    const ca = await startCa(options, postgres);
    started.push({ name: 'the CA', child: ca.child, signal: 'SIGTERM' });
    const server = await startServer(options, postgres, ca);
    started.push({ name: 'the verifier', child: server.child, signal: 'SIGTERM' });
    return {
      url: server.url,
      fingerprint: server.tls.pin,
      firstToken: server.firstToken,
      failed: Promise.race(started.map(({ name, child }) => child.ended.then(() => name))),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const room = (name: 'ca' | 'server', ...args: string[]): [string, ...string[]] => [
  process.execPath,
  join(HOUSE, name, 'main.ts'),
  ...args,
];

type RunningCa = { readonly child: Child; readonly url: string; readonly pin: string };

async function startCa(
  { dataDir, host, caPort, progress }: DeploymentOptions,
  postgres: PrivatePostgres,
): Promise<RunningCa> {
  progress('starting the CA');
  const directory = join(dataDir, 'ca');
  const tls = await keepTlsIdentity(directory, 'touchstone-ca');
  const url = `https://${host}:${caPort}`;
  const config = await writeConfig(directory, {
    listen: { host, port: caPort },
    tls: { keyFile: tls.keyFile, certFile: tls.certFile },
    publicUrl: url,
    database: postgres.access('touchstone_ca', 'ca'),
    migrateDatabase: postgres.access('touchstone_ca', 'ca_migrate'),
    stateDir: join(directory, 'state'),
    roots: [],
  });
  const logFile = join(dataDir, 'ca.log');
  await runToEnd({ name: 'the CA', command: room('ca', 'init', '--config', config), logFile });
  const command = room('ca', 'serve', '--config', config);
  const { child } = await startRoom({ name: 'the CA', command, logFile });
  return { child, url, pin: tls.pin };
}

async function startServer(
  { dataDir, host, serverPort, intervalSeconds, progress }: DeploymentOptions,
  postgres: PrivatePostgres,
  ca: RunningCa,
): Promise<{ child: Child; url: string; tls: TlsIdentity; firstToken: string | null }> {
  progress('starting the verifier');
  const directory = join(dataDir, 'server');
  const tls = await keepTlsIdentity(directory, 'touchstone-server');
  const url = `https://${host}:${serverPort}`;
  const keep = async (name: string, make: () => Promise<string | Uint8Array>): Promise<string> => {
    await keepSecret(join(directory, name), make);
    return join(directory, name);
  };
  const config = await writeConfig(directory, {
    listen: { host, port: serverPort },
    tls: { keyFile: tls.keyFile, certFile: tls.certFile },
    publicUrl: url,
    database: postgres.access('touchstone', 'server'),
    migrateDatabase: postgres.access('touchstone', 'server_migrate'),
    rootSecretFile: await keep('root-secret', newRootSecret),
    resultKeyFile: await keep('result-key.pem', newSigningKey),
    permitKeyFile: await keep('permit-key.pem', newSigningKey),
    bundleKeyFile: await keep('bundle-key.pem', newSigningKey),
    ca: { url: ca.url, pin: ca.pin },
    intervalSeconds,
    quorum: 1,
  });
  const logFile = join(dataDir, 'server.log');
  const at = { name: 'the verifier', logFile };
  await runToEnd({ ...at, command: room('server', 'migrate', '--config', config) });
  const { child } = await startRoom({
    ...at,
    command: room('server', 'serve', '--config', config),
  });
  try {
    return { child, url, tls, firstToken: await firstTokenOf(dataDir, config, logFile) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Every challenge key derives from it. */
const newRootSecret = (): Promise<Uint8Array> => Promise.resolve(randomBytes(32));

/** Asked for once a data directory: the server gives it out once and stores its hash. */
async function firstTokenOf(
  dataDir: string,
  config: string,
  logFile: string,
): Promise<string | null> {
  const marker = join(dataDir, 'first-token-given');
  let made: string | null = null;
  await keepSecret(marker, async () => {
    const command = room('server', 'first-token', '--config', config);
    const answer = JSON.parse(await runToEnd({ name: 'the verifier', command, logFile })) as {
      token?: unknown;
    };
    if (typeof answer.token !== 'string') {
      throw new UpError('CHILD_FAILED', 'the verifier gave no first token', `Read ${logFile}.`);
    }
    made = answer.token;
    return `${new Date().toISOString()}\n`;
  });
  return made;
}

async function writeConfig(directory: string, config: unknown): Promise<string> {
  const path = join(directory, 'config.json');
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}
