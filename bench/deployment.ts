import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Static, TSchema } from 'typebox';
import { pinnedClient } from '@touchstone/transport';
import { OTHER_CORE } from './processor.ts';

export const HOUSE = fileURLToPath(new URL('..', import.meta.url));

/** Private PostgreSQL, CA and verifier in a directory of their own, as `touchstone up` starts them. */
export type Deployment = AsyncDisposable & {
  readonly url: string;
  readonly fingerprint: string;
  /** What `up` was given as `--data`. */
  readonly data: string;
  /** A call of an operator who has every role. */
  operator<T extends TSchema>(path: string, schema: T, body: object): Promise<Static<T>>;
};

export async function startDeployment(): Promise<Deployment> {
  const directory = await mkdtemp(join(tmpdir(), 'ts-bench-'));
  // PostgreSQL's own user passes through.
  await chmod(directory, 0o711);
  const data = join(directory, 'd');
  const touchstone = join(HOUSE, 'cli/bin/touchstone.mjs');
  const listen = ['--listen', '127.0.0.1:0'];
  const up = start(OTHER_CORE, touchstone, 'up', '--json', '--data', data, ...listen);
  const stop = async () => {
    await end(up);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const said = JSON.parse(await firstLine(up)) as Record<string, string>;
    const { server: url = '', fingerprint = '', token = '' } = said;
    const client = pinnedClient({ url, pin: fingerprint });
    return {
      ...{ url, fingerprint, data },
      operator: (path, schema, body) =>
        client.request({ method: 'POST', path, schema, body, bearer: token }),
      [Symbol.asyncDispose]: async () => {
        await client.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A script of ours in the pinned Node, on one core with all that it starts; it ends with this process. */
export function start(core: number, script: string, ...args: readonly string[]): ChildProcess {
  const pinned = ['taskset', '--cpu-list', `${core}`, process.execPath, script, ...args];
  return spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...pinned], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What a process of ours says once it is ready. */
export async function firstLine(child: ChildProcess): Promise<string> {
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString()}`.slice(-4_096);
  });
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'close')])) as unknown[];
  if (typeof line === 'string') return line;
  throw new Error(`${child.spawnargs.join(' ')} did not start:\n${complaints}`);
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(late);
}

export const readJsonFile = async <T>(path: string): Promise<T> =>
  JSON.parse(await readFile(path, 'utf8')) as T;
