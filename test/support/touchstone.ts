import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Static, TSchema } from 'typebox';
import {
  type AssuranceClass,
  BaselineList,
  HostDetail,
  HostExplanation,
  JoinTokenCreated,
  type Labels,
  Vm,
} from '@touchstone/schemas';
import { type Client, pinnedClient } from '@touchstone/transport';

const house = fileURLToPath(new URL('../..', import.meta.url));

/** The commands as users have them. */
export const BIN = {
  touchstone: join(house, 'cli/bin/touchstone.mjs'),
  agent: join(house, 'agent/bin/touchstone-agent.mjs'),
} as const;

/** A whole deployment, as `touchstone up` starts it: private PostgreSQL, CA, verifier. */
export interface Touchstone {
  readonly url: string;
  readonly fingerprint: string;
  readonly token: string;
  /** Of the first operator at the CA; empty where that was given out before. */
  readonly caToken: string;
  readonly ca: { readonly url: string; readonly fingerprint: string };
  readonly directory: string;
  /** At the server, without a token: what an agent has. */
  readonly client: Client;
  /** A call of the operator's, with all roles. */
  operator<T extends TSchema>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    schema: T,
    body?: unknown,
  ): Promise<Static<T>>;
  joinToken(options?: {
    classes?: AssuranceClass[];
    labels?: Labels;
    approve?: boolean;
  }): Promise<string>;
  /** Captures the host's baseline under that name, and approves it. */
  approveBaselineOf(host: string, name: string): Promise<Static<typeof BaselineList>>;
  host(idOrName: string): Promise<Static<typeof HostDetail>>;
  explanation(idOrName: string): Promise<Static<typeof HostExplanation>>;
  addVm(vm: {
    uuid: string;
    name: string;
    images?: string[];
    hostLabels?: Labels;
    classes?: AssuranceClass[];
  }): Promise<void>;
  /** What the processes logged so far. */
  log(name: 'server' | 'ca' | 'postgres'): Promise<string>;
  stop(): Promise<void>;
}

export type TouchstoneOptions = {
  readonly intervalSeconds?: number;
  /** HOST:PORT; without it, two free ports. */
  readonly listen?: string;
  /** A data directory of the caller's: it stays. `token` is for one that came up before. */
  readonly data?: string;
  readonly token?: string;
  readonly caToken?: string;
  /** PEM of the roots that the CA trusts, by the class that each vouches for. */
  readonly tpmRoots?: Partial<Record<AssuranceClass, string>>;
};

export async function startTouchstone(options: TouchstoneOptions = {}): Promise<Touchstone> {
  const directory = await mkdtemp(join(tmpdir(), 'ts-up-'));
  await chmod(directory, 0o711);
  const data = options.data ?? join(directory, 'd');
  await putTpmRoots(data, options.tpmRoots ?? {});
  const child = spawn(
    process.execPath,
    [BIN.touchstone, 'up', '--json', '--data', data].concat(
      ['--listen', options.listen ?? '127.0.0.1:0'],
      ['--interval', String(options.intervalSeconds ?? 60)],
    ),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'close');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  child.stderr.pipe(createWriteStream(join(directory, 'up.log')));
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => text as string),
    ended.then(() => null),
  ]);
  if (line === null) {
    const log = await readFile(join(directory, 'up.log'), 'utf8');
    await rm(directory, { recursive: true, force: true });
    throw new Error(`touchstone up did not start:\n${log}`);
  }
  const said = JSON.parse(line) as Record<string, string | null | undefined>;
  const { server: url, fingerprint } = said;
  // One that came up before gives its first token no more.
  const token = said['token'] ?? options.token;
  if (!url || !fingerprint || !token) {
    await stop();
    throw new Error(`touchstone up said ${line}`);
  }
  const ca = { url: said['ca'] ?? '', fingerprint: said['caFingerprint'] ?? '' };
  const client = pinnedClient({ url, pin: fingerprint });
  const operator: Touchstone['operator'] = (method, path, schema, body) =>
    client.request({
      method,
      path,
      schema,
      bearer: token,
      ...(body === undefined ? {} : { body }),
    });
  return {
    url,
    fingerprint,
    token,
    caToken: said['caToken'] ?? options.caToken ?? '',
    ca,
    directory: data,
    client,
    operator,
    joinToken: async ({
      classes = ['software'],
      labels = { site: 'test' },
      approve = true,
    } = {}) => {
      const body = { classes, labels, approve };
      return (await operator('POST', '/v1/join-tokens', JoinTokenCreated, body)).token;
    },
    approveBaselineOf: async (host, name) => {
      const body = { name, acceptUnverified: true };
      await operator('POST', `/v1/hosts/${host}/baseline`, BaselineList, body);
      return operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
    },
    host: (idOrName) => operator('GET', `/v1/hosts/${idOrName}`, HostDetail),
    explanation: (idOrName) =>
      operator('GET', `/v1/hosts/${idOrName}/explanation`, HostExplanation),
    addVm: async ({ uuid, name, images = [], hostLabels = {}, classes = ['software'] }) => {
      await operator('POST', '/v1/vms', Vm, { uuid, name, classes, hostLabels, images });
    },
    log: (name) => readFile(join(data, `${name}.log`), 'utf8'),
    stop: async () => {
      await client.close();
      await stop();
    },
  };
}

/** As an operator does it: docs/deployment.md. */
async function putTpmRoots(data: string, roots: Readonly<Record<string, string>>): Promise<void> {
  for (const [vouchedFor, pem] of Object.entries(roots)) {
    const directory = join(data, 'ca', 'tpm-roots', vouchedFor);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(data, 0o711);
    await writeFile(join(directory, 'root.pem'), pem);
  }
}
