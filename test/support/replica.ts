import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pinnedClient } from '@touchstone/transport';
import type { Touchstone } from './touchstone.ts';

const SERVER = fileURLToPath(new URL('../../server/main.ts', import.meta.url));

/** The deployment as seen through another server process, over the same database and with the same keys. */
export type Replica = Touchstone;

export async function startReplica(touchstone: Touchstone): Promise<Replica> {
  const directory = join(touchstone.directory, 'server');
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as object;
  const path = join(directory, 'replica.json');
  const listen = { host: '127.0.0.1', port: 0 };
  await writeFile(path, JSON.stringify({ ...config, listen }), { mode: 0o600 });
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
  const client = pinnedClient({ url, pin: touchstone.fingerprint });
  return {
    ...touchstone,
    url,
    client,
    operator: (method, at, schema, body) =>
      client.request({
        method,
        path: at,
        schema,
        bearer: touchstone.token,
        ...(body === undefined ? {} : { body }),
      }),
    stop: async () => {
      await client.close();
      child.kill('SIGTERM');
      await ended;
      await rm(path, { force: true });
    },
  };
}
