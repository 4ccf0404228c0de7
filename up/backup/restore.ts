import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { runToEnd } from '../child.ts';
import { refuse } from '../codes.ts';
import {
  connect,
  DATABASE_NAMES,
  type DatabaseName,
  DATABASES,
  type Postgres,
} from '../database-access.ts';
import { differences, inSnapshot, readFacts } from '../database-facts.ts';
import { ensureDataDirectory, restoreMarker, restoreUnderWay } from '../data-directory.ts';
import { syncDirectory } from '../durable-file.ts';
import { UpError } from '../failure.ts';
import { markTokensGiven, readTokens } from '../first-tokens.ts';
import { loadDatabase } from '../postgres-programs.ts';
import { PRIVATE_VERSION, startPrivatePostgres } from '../private-postgres.ts';
import { HOUSE, prepareCa, prepareServer, room } from '../rooms.ts';
import type { Entry } from './archive.ts';
import type { Manifest } from './manifest.ts';
import type { OpenBackup } from './open.ts';
import type { Progress } from '../progress.ts';

/** What the server did to what came back: server/services/after-restore.ts. */
type Afterwards = {
  readonly token: string;
  readonly secondToken?: string;
  readonly ended: {
    readonly apiTokens: number;
    readonly joinTokens: number;
    readonly browserSessions: number;
  };
  readonly bundleEpoch: { readonly was: number; readonly now: number } | null;
};

export type Restored = Afterwards & {
  readonly url: string;
  readonly fingerprint: string;
  /** The CA's own: all others that it gave out have ended. */
  readonly caToken: string | null;
  readonly secondCaToken?: string;
};

/**
 * A deployment out of a backup, into an empty directory. Nothing is written before the whole backup has been read
 * once; what fails after that takes everything away again. Until the last step a mark keeps `up` from starting it.
 * @throws UpError DATA_NOT_EMPTY, BACKUP_NEWER, RESTORE_DIFFERS
 */
export async function restoreBackup(
  backup: OpenBackup,
  { dataDir, progress }: { readonly dataDir: string; readonly progress: Progress },
): Promise<Restored> {
  await refuseNewer(backup.manifest);
  await refuseFilled(dataDir);
  await ensureDataDirectory(dataDir);
  await mark(dataDir);
  try {
    const restored = await load(backup, { dataDir, progress });
    await rm(restoreMarker(dataDir));
    await syncDirectory(dataDir);
    return restored;
  } catch (error) {
    // The mark last: without it what is left would pass for a deployment, in which old tokens are good.
    const left = (await readdir(dataDir)).map((name) => join(dataDir, name));
    const marker = restoreMarker(dataDir);
    for (const path of [...left.filter((each) => each !== marker), marker]) {
      await rm(path, { recursive: true, force: true });
    }
    throw error;
  }
}

/** Of two restores at once, one has it. @throws UpError DATA_INCOMPLETE */
async function mark(dataDir: string): Promise<void> {
  const file = await open(restoreMarker(dataDir), 'wx', 0o600).catch((cause: Error) => {
    throw refuse('DATA_INCOMPLETE', dataDir, cause);
  });
  try {
    await file.writeFile(`${new Date().toISOString()}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dataDir);
}

/** @throws UpError DATA_NOT_EMPTY, DATA_INCOMPLETE */
export async function refuseFilled(dataDir: string): Promise<void> {
  if (await restoreUnderWay(dataDir)) throw refuse('DATA_INCOMPLETE', dataDir);
  const there = await readdir(dataDir).catch(noneThere);
  if (there.length > 0) throw refuse('DATA_NOT_EMPTY', dataDir);
}

/** What cannot be looked into is not taken for empty. */
function noneThere(cause: NodeJS.ErrnoException): string[] {
  if (cause.code === 'ENOENT') return [];
  throw refuse('DATA_NOT_EMPTY', cause.message, cause);
}

/** Asked before anything is written: an older program would misread what a newer one wrote. */
export async function refuseNewer({ databases, postgresMajor, version }: Manifest): Promise<void> {
  const rooms = { touchstone: 'server', touchstone_ca: 'ca' } as const;
  for (const name of DATABASE_NAMES) {
    const known = await readdir(join(HOUSE, rooms[name], 'store/migrations'));
    const unknown = databases[name].migrations.find((each) => !known.includes(`${each}.sql`));
    if (unknown !== undefined) {
      throw refuse('BACKUP_NEWER', `version ${version}, whose ${name} has ${unknown}`);
    }
  }
  if (postgresMajor > PRIVATE_VERSION) {
    throw refuse(
      'BACKUP_NEWER',
      `PostgreSQL ${postgresMajor}; a private cluster is ${PRIVATE_VERSION}`,
    );
  }
}

async function load(
  { manifest, entries }: OpenBackup,
  { dataDir, progress }: { readonly dataDir: string; readonly progress: Progress },
): Promise<Restored> {
  const postgres = await startPrivatePostgres(dataDir, progress, { alone: true });
  try {
    for await (const entry of entries('restoring'))
      await put(entry, { dataDir, postgres, progress });
    progress('comparing with what the backup says');
    for (const name of DATABASE_NAMES) await compare(postgres, name, manifest);
    return await bringForward(manifest, { dataDir, postgres, progress });
  } finally {
    await postgres.child.stop('SIGINT');
  }
}

type Into = { readonly dataDir: string; readonly postgres: Postgres; readonly progress: Progress };

async function put({ name, content }: Entry, { dataDir, postgres, progress }: Into): Promise<void> {
  const database = DATABASE_NAMES.find((each) => name === `databases/${each}`);
  if (database !== undefined) {
    progress(`loading ${database}`);
    const access = postgres.access(database, DATABASES[database].owner);
    return loadDatabase(access, { dump: Readable.from(content), major: PRIVATE_VERSION });
  }
  if (!name.startsWith('files/')) {
    for await (const _piece of content);
    return;
  }
  const path = join(dataDir, name.slice('files/'.length));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function compare(postgres: Postgres, name: DatabaseName, manifest: Manifest): Promise<void> {
  const client = await connect(postgres.access(name, DATABASES[name].owner));
  try {
    const found = await inSnapshot(client, () => readFacts(client));
    const wrong = differences(manifest.databases[name], found);
    if (wrong.length > 0) throw refuse('RESTORE_DIFFERS', `${name}: ${wrong.join(', ')}`);
  } finally {
    await client.end();
  }
}

/** To this version's schema; then each room does what an older database asks of it. */
async function bringForward(
  { address, createdAt }: Manifest,
  { dataDir, postgres, progress }: Into,
): Promise<Restored> {
  progress('ending what was given out before');
  // The quorum came back with the database.
  const options = { dataDir, ...address, quorum: 1 };
  const ca = await prepareCa(options, postgres);
  const ofCa = room('ca', 'restored', '--config', ca.config);
  const saidByCa = await runToEnd({ name: 'the CA', command: ofCa, logFile: ca.logFile });
  const ofOperators = readTokens('the CA', saidByCa, ca.logFile);
  const server = await prepareServer(options, postgres, ca);
  const command = room(
    'server',
    'restored',
    '--backup-made-at',
    createdAt,
    '--config',
    server.config,
  );
  const said = await runToEnd({ name: 'the verifier', command, logFile: server.logFile });
  await markTokensGiven(dataDir);
  const { url, tls } = server;
  return {
    ...{ ...readAfterwards(said, server.logFile), url, fingerprint: tls.pin },
    caToken: ofOperators.first,
    ...(ofOperators.second === null ? {} : { secondCaToken: ofOperators.second }),
  };
}

function readAfterwards(said: string, logFile: string): Afterwards {
  const afterwards = JSON.parse(said) as Partial<Afterwards>;
  if (typeof afterwards.token === 'string') return afterwards as Afterwards;
  throw new UpError('CHILD_FAILED', 'the verifier gave no token', `Read ${logFile}.`);
}
