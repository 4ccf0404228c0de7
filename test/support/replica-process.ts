import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Touchstone } from './touchstone.ts';

type Started = { readonly url: string; end(signal: NodeJS.Signals): Promise<void> };

/** A second process of that room, by default on a free port, with the deployment's configuration but for `changed`. */
export async function startProcess(
  touchstone: Touchstone,
  room: 'server' | 'ca',
  {
    port: wantedPort = 0,
    changed,
    environment = {},
  }: {
    readonly port?: number;
    readonly changed: object;
    readonly environment?: Readonly<Record<string, string>>;
  },
): Promise<Started> {
  const directory = join(touchstone.directory, room);
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as object;
  const path = join(directory, `replica-${randomUUID()}.json`);
  const listen = { host: '127.0.0.1', port: wantedPort };
  await writeFile(path, JSON.stringify({ ...config, listen, ...changed }), { mode: 0o600 });
  const main = fileURLToPath(new URL(`../../${room}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main, 'serve', '--config', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...environment },
  });
  // A test that fails half-way must not leave it running.
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const ended = once(child, 'close').then(() => process.off('exit', killAtExit));
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => text as string),
    ended.then(() => null),
  ]);
  if (line === null) throw new Error(`the second ${room} did not start`);
  const { port } = JSON.parse(line) as { port: number };
  return {
    url: `https://127.0.0.1:${port}`,
    end: async (signal) => {
      child.kill(signal);
      await ended;
      await rm(path, { force: true });
    },
  };
}
