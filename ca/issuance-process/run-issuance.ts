import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket, Socket as OpenSocket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { framesOf, writeFrame } from '../frames.ts';
import {
  answerTo,
  CustodyError,
  type Issuance,
  localIssuance,
  MAX_MESSAGE_BYTES,
} from '../issuance/index.ts';
import { ConfigError } from '../config-error.ts';
import type { CaConfig } from '../config.ts';
import { custodyOf } from './custody-of.ts';

/** The descriptor at which a child finds whoever started it. */
const INHERITED_FD = 3;
const MAX_CONNECTIONS = 16;

/** Until whoever started it is gone. What keeps it from its keys is told there, too. */
export async function runAsChild(config: CaConfig, log: Logger): Promise<void> {
  const line = new OpenSocket({ fd: INHERITED_FD, readable: true, writable: true });
  // It ends with its parent, and not because a terminal or a supervisor means them both.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  try {
    const { issuance, close } = await openKeys(config, log);
    await converse(line, issuance, log).finally(close);
  } catch (error) {
    if (error instanceof CustodyError) {
      writeFrame(line, { failed: { code: error.code, subject: error.subject } });
    }
    line.end();
    throw error;
  }
}

/** At the unix socket of the configuration, until SIGTERM. Its mode, 0660, and its directory say who may ask. */
export async function runAtSocket(config: CaConfig, log: Logger): Promise<void> {
  if (config.issuance?.kind !== 'socket') {
    const detail = '/issuance: to run by itself, it takes kind "socket" and a path';
    throw new ConfigError(detail);
  }
  const { path } = config.issuance;
  // A socket that a dead process left: there is none until the keys are there.
  await rm(path, { force: true });
  const { issuance, close } = await openKeys(config, log);
  const server = createServer((line) => {
    converse(line, issuance, log).catch((error: unknown) => {
      log.warn({ err: error }, 'whoever asked is not spoken to further');
      line.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  // The socket's alone: under it no directory could be made for keys that whoever made it could then look into.
  const umask = process.umask(0o117);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  }).finally(() => process.umask(umask));
  await chmod(path, 0o660);
  log.info({ path }, 'the issuance is there');
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      void Promise.allSettled([close(), rm(path, { force: true })]).then(() => process.exit(0));
    });
  }
}

async function openKeys(config: CaConfig, log: Logger) {
  const custody = await custodyOf(config);
  await custody.ready();
  const network = Object.keys(networkInterfaces()).length > 0;
  if (network) {
    log.warn('this process can reach a network: the system gave it no namespace of its own');
  }
  const issuance = localIssuance(custody, () => new Date());
  const keys = (await issuance.keys()).map(({ keyId, role, label }) => ({ keyId, role, label }));
  log.info({ network, keys }, 'the keys are in custody');
  return { issuance, close: () => custody.close() };
}

/** One request after the other: the next is read when this one is answered. */
async function converse(line: Socket, issuance: Issuance, log: Logger): Promise<void> {
  line.on('error', (err) => log.warn({ err }, 'connection'));
  writeFrame(line, { ready: true });
  const onBug = (err: unknown) => log.error({ err }, 'a request failed');
  for await (const message of framesOf(line, MAX_MESSAGE_BYTES)) {
    writeFrame(line, await answerTo(issuance, message, onBug));
  }
  line.end();
}
