import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type DatabaseAccess, libpqEnvironment } from './database-access.ts';
import { refuse } from './codes.ts';
import { UpError } from './failure.ts';

const VERSIONS = '/usr/lib/postgresql';

/** The programs of the oldest installed version that reads servers of this one (their major versions). */
async function programsFor(major: number): Promise<string> {
  const installed = (await readdir(VERSIONS).catch(() => [])).map(Number);
  const fit = installed.filter((version) => version >= major).toSorted((a, b) => a - b);
  if (fit[0] === undefined) throw refuse('POSTGRES_TOOLS_OLD', `version ${major} is needed`);
  return `${VERSIONS}/${fit[0]}/bin`;
}

type Program = { readonly name: string; readonly access: DatabaseAccess; readonly major: number };

async function start({ name, access, major }: Program, args: readonly string[]) {
  const command = `${await programsFor(major)}/${name}`;
  // It ends with this process, whatever ends this process.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', command, '--no-password', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...(await libpqEnvironment(access)) },
  });
  return { child, ended: endOf(child, name, access.database) };
}

async function endOf(child: ChildProcess, name: string, database: string): Promise<void> {
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-4_000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  const lines = said.trimEnd().split('\n').slice(-6).join('\n  ');
  throw new UpError(
    'POSTGRES_FAILED',
    `${name} of ${database} ended with ${code ?? 'a signal'}\n  ${lines}`,
    'Mend what it says, and run this again: nothing has been lost.',
  );
}

/** A database as `snapshot` shows it, in pg_dump's custom format. @throws UpError POSTGRES_FAILED */
export async function* dumpDatabase(
  access: DatabaseAccess,
  { snapshot, major }: { readonly snapshot: string; readonly major: number },
): AsyncGenerator<Uint8Array> {
  const args = ['--format=custom', `--snapshot=${snapshot}`, '--lock-wait-timeout=60s'];
  const { child, ended } = await start({ name: 'pg_dump', access, major }, args);
  ended.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    await ended;
  } finally {
    child.kill('SIGTERM');
  }
}

/**
 * Loads a dump into an empty database, all of it or nothing. Everything belongs to who loads it.
 * @throws UpError POSTGRES_FAILED
 */
export async function loadDatabase(
  access: DatabaseAccess,
  { dump, major }: { readonly dump: Readable; readonly major: number },
): Promise<void> {
  const args = [
    '--single-transaction',
    '--exit-on-error',
    '--no-owner',
    '--dbname',
    access.database,
  ];
  const { child, ended } = await start({ name: 'pg_restore', access, major }, args);
  ended.catch(() => undefined);
  child.stdout.resume();
  try {
    await pipeline(dump, child.stdin).catch((error: NodeJS.ErrnoException) => {
      // What pg_restore says is the reason; that its input closed is not.
      if (error.code !== 'EPIPE') throw error;
    });
    await ended;
  } finally {
    child.kill('SIGTERM');
  }
}
