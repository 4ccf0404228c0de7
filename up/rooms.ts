import { createPublicKey, randomBytes } from 'node:crypto';
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runToEnd } from './child.ts';
import type { Postgres } from './database-access.ts';
import { finishSwap, nextTlsCertificate } from './keys/tls-files.ts';
import { retentionOf } from './retention.ts';
import { keepSecret, keepTlsIdentity, newSigningKey, type TlsIdentity } from './secrets.ts';
import { tpmRootsIn } from './tpm-roots.ts';

export type RoomOptions = {
  readonly dataDir: string;
  readonly host: string;
  readonly serverPort: number;
  readonly caPort: number;
  readonly intervalSeconds: number;
  /** What a new deployment begins with. */
  readonly quorum: number;
};

export const HOUSE = await realpath(fileURLToPath(new URL('..', import.meta.url)));

/** The command that runs one. */
export const room = (name: 'ca' | 'server', ...args: string[]): [string, ...string[]] => [
  process.execPath,
  join(HOUSE, name, 'main.ts'),
  ...args,
];

/** A room that has its files, its configuration and its database's schema. */
type Prepared = { readonly config: string; readonly logFile: string; readonly url: string };

export type CaAddress = { readonly url: string; readonly pin: string };

/** Makes what is not there; what is there stays. */
export async function prepareCa(
  { dataDir, host, caPort }: RoomOptions,
  postgres: Postgres,
): Promise<Prepared & CaAddress> {
  const directory = join(dataDir, 'ca');
  await finishSwap(directory);
  const tls = await keepTlsIdentity(directory, 'touchstone-ca');
  const url = `https://${host}:${caPort}`;
  const passphraseFile = join(directory, 'key-passphrase');
  await keepSecret(passphraseFile, newPassphrase);
  const config = await writeConfig(directory, {
    listen: { host, port: caPort },
    tls: { keyFile: tls.keyFile, certFile: tls.certFile },
    nextTls: { certFile: nextTlsCertificate(directory) },
    publicUrl: url,
    database: postgres.access('touchstone_ca', 'ca'),
    migrateDatabase: postgres.access('touchstone_ca', 'ca_migrate'),
    stateDir: join(directory, 'state'),
    custody: { issuing: { kind: 'file', passphrase: { file: passphraseFile } } },
    reporterKeyFile: await keepReporterKey(dataDir),
    roots: await tpmRootsIn(directory),
    retentionDays: (await retentionOf(dataDir)).ca,
  });
  const logFile = join(dataDir, 'ca.log');
  await runToEnd({ name: 'the CA', command: room('ca', 'init', '--config', config), logFile });
  return { config, logFile, url, pin: tls.pin };
}

/**
 * The public half of the key that the server signs results with, and its reports of how far a change of the CA's keys
 * is: the CA has to know it before there is a server. When that key turns, the server tells the CA of the next.
 */
async function keepReporterKey(dataDir: string): Promise<string> {
  const key = await keepServerSecret(dataDir, 'result-key.pem', newSigningKey);
  const path = join(dataDir, 'ca', 'reporter-key.pem');
  const pem = createPublicKey(await readFile(key, 'utf8')).export({ type: 'spki', format: 'pem' });
  await writeFile(path, pem, { mode: 0o600 });
  return path;
}

async function keepServerSecret(
  dataDir: string,
  name: string,
  make: () => Promise<string | Uint8Array>,
): Promise<string> {
  const directory = join(dataDir, 'server');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await keepSecret(join(directory, name), make);
  return join(directory, name);
}

/** Makes what is not there; what is there stays. */
export async function prepareServer(
  { dataDir, host, serverPort, intervalSeconds, quorum }: RoomOptions,
  postgres: Postgres,
  ca: CaAddress,
): Promise<Prepared & { readonly tls: TlsIdentity }> {
  const directory = join(dataDir, 'server');
  await finishSwap(directory);
  const tls = await keepTlsIdentity(directory, 'touchstone-server');
  const url = `https://${host}:${serverPort}`;
  const keep = (name: string, make: () => Promise<string | Uint8Array>) =>
    keepServerSecret(dataDir, name, make);
  const config = await writeConfig(directory, {
    listen: { host, port: serverPort },
    tls: { keyFile: tls.keyFile, certFile: tls.certFile },
    nextTls: { certFile: nextTlsCertificate(directory) },
    publicUrl: url,
    database: postgres.access('touchstone', 'server'),
    migrateDatabase: postgres.access('touchstone', 'server_migrate'),
    rootSecretFile: await keep('root-secret', newRootSecret),
    resultKeyFile: await keep('result-key.pem', newSigningKey),
    permitKeyFile: await keep('permit-key.pem', newSigningKey),
    bundleKeyFile: await keep('bundle-key.pem', newSigningKey),
    ca: { url: ca.url, pin: ca.pin },
    intervalSeconds,
    quorum,
    retentionDays: (await retentionOf(dataDir)).server,
  });
  const logFile = join(dataDir, 'server.log');
  const command = room('server', 'migrate', '--config', config);
  await runToEnd({ name: 'the verifier', command, logFile });
  return { config, logFile, url, tls };
}

/** Every challenge key derives from it. */
const newRootSecret = (): Promise<Uint8Array> => Promise.resolve(randomBytes(32));

/** The issuance alone reads it: the CA's keys lie encrypted under it. */
const newPassphrase = (): Promise<string> => Promise.resolve(randomBytes(32).toString('hex'));

async function writeConfig(directory: string, config: unknown): Promise<string> {
  const path = join(directory, 'config.json');
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}
