import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pinnedClient, spkiPinOf } from '@touchstone/transport';
import type { Touchstone } from './touchstone.ts';

const SERVER = fileURLToPath(new URL('../../server/main.ts', import.meta.url));

/** The deployment as seen through another server process, over the same database and with the same keys. */
export type Replica = Touchstone & {
  /** Ends it as a crash does, and leaves its port to another. */
  crash(): Promise<void>;
};

export type ReplicaOptions = {
  readonly port?: number;
  /** Another TLS key than the deployment's. */
  readonly tls?: { readonly keyFile: string; readonly certFile: string };
};

export async function startReplica(
  touchstone: Touchstone,
  { port: wantedPort = 0, tls }: ReplicaOptions = {},
): Promise<Replica> {
  const directory = join(touchstone.directory, 'server');
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as object;
  const path = join(directory, 'replica.json');
  const listen = { host: '127.0.0.1', port: wantedPort };
  const written = { ...config, listen, ...(tls === undefined ? {} : { tls }) };
  await writeFile(path, JSON.stringify(written), { mode: 0o600 });
  const child = spawn(process.execPath, [SERVER, 'serve', '--config', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => text as string),
    ended.then(() => null),
  ]);
  if (line === null) throw new Error('the replica did not start');
  const { port } = JSON.parse(line) as { port: number };
  const url = `https://127.0.0.1:${port}`;
  const fingerprint =
    tls === undefined ? touchstone.fingerprint : spkiPinOf(await readFile(tls.certFile, 'utf8'));
  const client = pinnedClient({ url, pin: fingerprint });
  const end = async (signal: NodeJS.Signals) => {
    await client.close();
    child.kill(signal);
    await ended;
  };
  return {
    ...touchstone,
    url,
    fingerprint,
    client,
    operator: (method, at, schema, body) =>
      client.request({
        method,
        path: at,
        schema,
        bearer: touchstone.token,
        ...(body === undefined ? {} : { body }),
      }),
    crash: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      await rm(path, { force: true });
    },
  };
}
