import { spawn } from 'node:child_process';
import { agentError } from '../codes.ts';
import { atMost } from '../gate/at-most.ts';

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 8_388_608;

export type VirshOptions = {
  /** Of libvirt; `qemu:///system` unless stated. */
  readonly uri?: string;
  readonly searchPath?: string;
  readonly timeoutMs?: number;
  /** What the child finds at `GIVEN_FILE`: it comes by a pipe, and lies in no file and on no command line. */
  readonly given?: Uint8Array;
};

export const GIVEN_FILE = '/dev/stdin';

/**
 * What `virsh` says to one command. Its arguments are a list and no shell reads them; it is ended when it takes longer
 * or says more than is allowed.
 * @throws AppError LIBVIRT_UNAVAILABLE, LIBVIRT_FAILED
 */
export const virsh = (args: readonly string[], options: VirshOptions = {}): Promise<string> =>
  turns(() => ask(args, options));

/** Each is up to three processes, and the agent's service may have so many tasks. */
const turns = atMost(8);

async function ask(args: readonly string[], options: VirshOptions): Promise<string> {
  const { uri = 'qemu:///system', timeoutMs = TIMEOUT_MS, given } = options;
  const words = ['-q', '-k', '0', '-c', uri, ...args];
  // Node gives a child a socket, which cannot be opened by its path; `cat` makes a pipe of it.
  const [program, argv]: [string, readonly string[]] =
    given === undefined
      ? ['virsh', words]
      : ['/bin/sh', ['-c', 'cat | virsh "$@"', 'sh', ...words]];
  const child = spawn(program, argv, {
    stdio: [given === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { PATH: options.searchPath ?? SYSTEM_PATH, LC_ALL: 'C' },
    detached: true,
  });
  const [stdout, stderr] = [new Bounded(), new Bounded()];
  const end = () => {
    // Both programs of the pipe: the group is theirs alone.
    if (child.pid !== undefined && child.exitCode === null) endGroup(child.pid);
  };
  const late = setTimeout(end, timeoutMs);
  child.stdout?.on('data', (chunk: Buffer) => stdout.take(chunk) || end());
  child.stderr?.on('data', (chunk: Buffer) => stderr.take(chunk) || end());
  child.stdin?.on('error', () => {});
  child.stdin?.end(given);
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).catch((cause: unknown) => {
      throw agentError('LIBVIRT_UNAVAILABLE', { detail: 'virsh does not start', cause });
    });
    if (exitCode === 0 && !stdout.full) return stdout.text;
    const said = stderr.text.trim().replace(/^error: /u, '');
    if (/failed to connect|Cannot recv data|unable to connect/iu.test(said)) {
      throw agentError('LIBVIRT_UNAVAILABLE', { detail: said });
    }
    const detail = exitCode === null ? `not done after ${timeoutMs / 1_000} s` : said;
    throw agentError('LIBVIRT_FAILED', { detail: `virsh ${args[0]}: ${detail}`.slice(0, 1_000) });
  } finally {
    clearTimeout(late);
  }
}

const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Output, as far as it is taken. */
class Bounded {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  full = false;

  /** Whether it still fits. */
  take(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_OUTPUT_BYTES) this.full = true;
    else this.#chunks.push(chunk);
    return !this.full;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
