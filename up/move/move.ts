import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { refuse } from '../codes.ts';
import { DATABASE_NAMES, type DatabaseName } from '../database-access.ts';
import { type DatabaseFacts, rowsOf } from '../database-facts.ts';
import { ensureDataDirectory } from '../data-directory.ts';
import { writeDurably } from '../durable-file.ts';
import { isUp, movedCluster, openPostgres } from '../postgres.ts';
import { startPrivatePostgres } from '../private-postgres.ts';
import { addressOf } from '../backup/manifest.ts';
import type { Progress } from '../progress.ts';
import {
  readSharedPostgres,
  type SharedAddress,
  sharedPostgres,
  switchToShared,
} from '../shared-postgres.ts';
import { copyDatabase } from './copy.ts';
import { makeDatabase, makeRoles, refuseForeign } from './roles.ts';
import { connectAsAdmin, keepCa, type Target } from './target.ts';

export type Moved = {
  readonly address: SharedAddress;
  /** Null where an earlier run had done it all. */
  readonly copied: Readonly<Record<DatabaseName, DatabaseFacts>> | null;
  readonly oldCluster: string;
};

type Options = { readonly dataDir: string; readonly progress: Progress };

/** Everything that can be known before: nothing is changed, here or there. */
export async function checkMove(target: Target, { dataDir, progress }: Options): Promise<void> {
  await addressOf(dataDir);
  if ((await readSharedPostgres(dataDir)) !== null) return;
  const begun = await begunMove(dataDir);
  if (begun !== null) refuseElsewhere(begun, target);
  progress(`asking the PostgreSQL at ${target.address.host}:${target.address.port}`);
  const admin = await connectAsAdmin(target);
  try {
    await refuseForeign(admin, begun?.id ?? null);
  } finally {
    await admin.end();
  }
}

/**
 * From the private cluster to another PostgreSQL. The private one is started where nobody else finds it, so that
 * nobody writes meanwhile; the switch is one file that appears whole. Killed anywhere before it, the deployment
 * runs as before; run again, it begins from the copy anew. Killed after it, the rest is tidying, done when it is
 * run again.
 * @throws UpError MOVE_WHILE_UP, MOVE_ELSEWHERE, TARGET_*, MOVE_DIFFERS
 */
export async function move(target: Target, options: Options): Promise<Moved> {
  const { dataDir } = options;
  await addressOf(dataDir);
  await ensureDataDirectory(dataDir);
  let copied: Moved['copied'] = null;
  if ((await readSharedPostgres(dataDir)) === null) {
    if (await isUp(dataDir)) throw refuse('MOVE_WHILE_UP', dataDir);
    await checkMove(target, options);
    copied = await copyAndSwitch(target, options);
  }
  const { access } = await openPostgres(dataDir, () => undefined);
  await rm(begunFile(dataDir), { force: true });
  const { host, port, tls } = access('touchstone', 'server');
  const address = { host, port, tls: tls !== undefined };
  return { address, copied, oldCluster: movedCluster(dataDir) };
}

/** As long as the private cluster runs for nobody else, no `up` can start it: the switch is made meanwhile. */
async function copyAndSwitch(target: Target, { dataDir, progress }: Options) {
  const { id } = await beginMove(dataDir, target);
  progress('starting the private PostgreSQL, for nobody else');
  const from = await startPrivatePostgres(dataDir, progress, { alone: true });
  try {
    await keepCa(dataDir, target);
    const to = sharedPostgres(dataDir, target.address);
    await makeThere(target, { dataDir, id, progress });
    const copied = {} as Record<DatabaseName, DatabaseFacts>;
    for (const name of DATABASE_NAMES) {
      copied[name] = await copyDatabase(name, { from, to, progress });
      progress(`${name}: ${rowsOf(copied[name])} rows, the same on both sides`);
    }
    progress('switching');
    await switchToShared(dataDir, target.address);
    return copied;
  } finally {
    await from.child.stop('SIGINT');
  }
}

async function makeThere(
  target: Target,
  { dataDir, id, progress }: Options & { readonly id: string },
): Promise<void> {
  const admin = await connectAsAdmin(target);
  try {
    await refuseForeign(admin, id);
    progress('making roles and databases there');
    await makeRoles(admin, dataDir, id);
    for (const name of DATABASE_NAMES) await makeDatabase(admin, name);
  } catch (error) {
    const refused = error instanceof pg.DatabaseError;
    throw refused ? refuse('TARGET_FAILED', error.message, error) : error;
  } finally {
    await admin.end();
  }
}

type Begun = { readonly id: string; readonly host: string; readonly port: number };

const begunFile = (dataDir: string): string => join(dataDir, 'move.json');

async function begunMove(dataDir: string): Promise<Begun | null> {
  const text = await readFile(begunFile(dataDir), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  return text === null ? null : (JSON.parse(text) as Begun);
}

function refuseElsewhere(begun: Begun, { address }: Target): void {
  if (begun.host === address.host && begun.port === address.port) return;
  throw refuse('MOVE_ELSEWHERE', `${begun.host}:${begun.port}`);
}

async function beginMove(dataDir: string, target: Target): Promise<Begun> {
  const known = await begunMove(dataDir);
  if (known !== null) {
    refuseElsewhere(known, target);
    return known;
  }
  const { host, port } = target.address;
  const begun = { id: randomUUID(), host, port };
  await writeDurably(begunFile(dataDir), `${JSON.stringify(begun)}\n`);
  return begun;
}
