import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exchangeError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { bootTime } from '../gate/boot-time.ts';
import { connectTo } from './network.ts';

const BIN = fileURLToPath(new URL('../bin/touchstone-agent.mjs', import.meta.url));
const READY_MS = 15_000;
const LEAST_BETWEEN_SECONDS = 1;
/** As whom it goes on, by the user database: the first that there is. */
const USERS = ['touchstone-courier', 'nobody'];

/**
 * The courier of an agent that has none as a service: a child, in whose environment there is nothing, and which ends with
 * its parent. Where it ended by itself the next request starts another.
 */
export class CourierChild {
  readonly #stateDir: string;
  readonly #log: Logger;
  #running: Promise<ChildProcess> | null = null;
  #child: ChildProcess | null = null;
  #startedAt = -Infinity;
  #closed = false;

  constructor(stateDir: string, log: Logger) {
    this.#stateDir = stateDir;
    this.#log = log;
  }

  /** To one that listens, if need be to a new one. @throws AppError UNREACHABLE */
  async connect(signal: AbortSignal): Promise<Socket> {
    const child = await (this.#running ??= this.#start());
    try {
      return await connectTo(this.#path, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // It has gone, and nobody was told of it yet.
      this.#forget(child);
      await (this.#running ??= this.#start());
      return connectTo(this.#path, signal);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = await this.#running?.catch(() => null);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #forget(child: ChildProcess): void {
    child.kill('SIGKILL');
    if (this.#child !== child) return;
    this.#child = null;
    this.#running = null;
  }

  get #path(): string {
    return join(this.#stateDir, 'courier', 'socket');
  }

  async #start(): Promise<ChildProcess> {
    try {
      const pause = LEAST_BETWEEN_SECONDS - (bootTime() - this.#startedAt);
      if (pause > 0) await sleep(pause * 1_000);
      if (this.#closed) throw new Error('the agent ends');
      this.#startedAt = bootTime();
      const child = spawn(process.execPath, [...process.execArgv, BIN, ...(await this.#words())], {
        cwd: '/',
        env: {},
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      this.#child = child;
      child.once('exit', (code, signal) => {
        this.#forget(child);
        if (!this.#closed) this.#log.warn({ code, signal }, 'the courier ended');
      });
      await ready(child);
      this.#log.info({ pid: child.pid }, 'a courier of this agent’s own runs');
      return child;
    } catch (cause) {
      this.#running = null;
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw exchangeError('UNREACHABLE', `the courier does not start: ${detail}`, cause);
    }
  }

  async #words(): Promise<string[]> {
    const as = process.geteuid?.() === 0 ? ['--as', await otherUser()] : [];
    return ['courier', '--socket', this.#path, '--attached', ...as];
  }
}

/** `UID:GID`. @throws Error where there is nobody */
async function otherUser(): Promise<string> {
  for (const name of USERS) {
    const line = await promisify(execFile)('getent', ['passwd', name]).catch(() => null);
    const [, , uid, gid] = line?.stdout.trim().split(':') ?? [];
    if (uid !== undefined && gid !== undefined && uid !== '0') return `${uid}:${gid}`;
  }
  throw new Error(`there is no user ${USERS.join(' or ')}`);
}

async function ready(child: ChildProcess): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const { stdout } = child;
  if (stdout === null) throw new Error('no standard output');
  const lines = createInterface({ input: stdout });
  const late = AbortSignal.timeout(READY_MS);
  try {
    await Promise.race([
      once(lines, 'line', { signal: AbortSignal.any([signal, late]) }),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`it ended with ${code}`);
      }),
    ]);
  } catch (error) {
    child.kill('SIGKILL');
    throw late.aborted ? new Error(`it was not ready within ${READY_MS} ms`) : error;
  } finally {
    over.abort();
    lines.close();
    stdout.resume();
  }
}
