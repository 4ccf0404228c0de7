import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { UpError } from './failure.ts';

export type Child = {
  readonly pid: number;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

export type ChildOptions = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Standard error goes there; people read it when something fails. */
  readonly logFile: string;
  /** As whom: only root can choose. */
  readonly user?: string;
  /** What the child gets when this process dies without a word. */
  readonly deathSignal?: 'TERM' | 'INT';
  readonly environment?: Readonly<Record<string, string>>;
};

/** Where Node keeps what it compiled, if whoever starts this wants that: nodejs.org, Module compile cache. */
export const compileCache = ({ NODE_COMPILE_CACHE }: NodeJS.ProcessEnv) =>
  NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

/** A child that ends with this process: setpriv(1) asks the kernel for that. */
export function startChild(options: ChildOptions): { child: ChildProcess } & Child {
  const { command, logFile, user, deathSignal = 'TERM', environment = {} } = options;
  const as = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
  const child = spawn('setpriv', [...as, '--pdeathsig', deathSignal, '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      ...compileCache(process.env),
      ...environment,
    },
  });
  child.stderr.pipe(createWriteStream(logFile, { flags: 'a', mode: 0o600 }));
  const ended = once(child, 'exit').then(() => undefined);
  ended.catch(() => undefined);
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Starts a process of ours and waits for the line of JSON in which it says that it is ready. */
export async function startRoom(
  options: ChildOptions,
): Promise<{ readonly child: Child; readonly ready: Record<string, unknown> }> {
  const { child: process, ...child } = startChild(options);
  const lines = createInterface({ input: process.stdout! });
  const ready = once(lines, 'line').then(([line]) => line as string);
  const first = await Promise.race([
    ready,
    child.ended.then(() => null),
    new Promise<null>((resolve) => setTimeout(() => resolve(null), 30_000).unref()),
  ]);
  if (first === null) {
    await child.stop();
    throw await childFailed(options, 'did not start');
  }
  return { child, ready: JSON.parse(first) as Record<string, unknown> };
}

/** Runs a command of ours to its end and gives what it printed. */
export async function runToEnd(options: ChildOptions): Promise<string> {
  const { child, ended } = startChild(options);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await ended;
  if (child.exitCode === 0) return output;
  throw await childFailed(options, `failed with exit code ${child.exitCode ?? 'none'}`);
}

/** The end of the log goes along: whoever reads this may not be able to read the file any more. */
async function childFailed({ name, logFile }: ChildOptions, what: string): Promise<UpError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const end = log.trimEnd().split('\n').slice(-6).join('\n  ');
  return new UpError(
    'CHILD_FAILED',
    `${name} ${what}\n  ${end}`,
    `Mend what the log says (${logFile}), and start again.`,
  );
}
