import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/touchstone-agent.mjs', import.meta.url));

export type Ended = {
  readonly pid: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** `touchstone-agent`, as users have it. */
function startAgent(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({
    pid: child.pid ?? 0,
    code: code as number | null,
    stdout,
    stderr,
  }));
  return Object.assign(child, { ended });
}

export const runAgent = (...args: readonly string[]): Promise<Ended> => startAgent(args).ended;

/** With more in its environment. */
export const runAgentIn = (
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Ended> => startAgent(args, environment).ended;

/** The daemon, ready; whoever starts it stops it. */
export async function startDaemon(stateDir: string) {
  const daemon = startAgent(['daemon', '--state', stateDir]);
  if (daemon.stdout === null) throw new Error('no stdout');
  const [line] = (await Promise.race([
    once(createInterface(daemon.stdout), 'line'),
    daemon.ended.then(({ stderr }) => Promise.reject(new Error(stderr))),
  ])) as [string];
  return Object.assign(daemon, { line });
}

/** Inodes of the TCP sockets on which anybody here listens: proc(5), /proc/net/tcp, state 0A. */
export async function tcpPortsOf(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(
    names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')),
  );
  const own = new Set(links.flatMap((link) => /^socket:\[([0-9]+)\]$/u.exec(link)?.[1] ?? []));
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map((table) =>
    readFile(`/proc/${pid}/net/${table}`, 'utf8'),
  );
  const lines = (await Promise.all(tables)).flatMap((table) => table.trim().split('\n').slice(1));
  return lines
    .map((line) => line.trim().split(/\s+/u))
    .filter(([, , , state, , , , , , inode = '']) => state !== '01' && own.has(inode))
    .map(([, local = '']) => local);
}
