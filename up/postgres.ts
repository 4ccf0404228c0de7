import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { refuse } from './codes.ts';
import { connect, type Postgres } from './database-access.ts';
import { restoreUnderWay } from './data-directory.ts';
import { syncDirectory } from './durable-file.ts';
import { clusterDirectory, runningPostgres, startPrivatePostgres } from './private-postgres.ts';
import { readSharedPostgres } from './shared-postgres.ts';

/** Where the old cluster lies once its database has moved. */
export const movedCluster = (dataDir: string): string => join(dataDir, 'postgres-moved');

/** `child`: of this process; null where the PostgreSQL is somebody else's to keep. */
export type OpenPostgres = Postgres & { readonly child: Child | null };

/**
 * The PostgreSQL of this data directory: the shared one that it moved to, or its private one, started.
 * @throws UpError DATA_INCOMPLETE, DATA_MOVED
 */
export async function openPostgres(
  dataDir: string,
  progress: (line: string) => void,
): Promise<OpenPostgres> {
  if (await restoreUnderWay(dataDir)) throw refuse('DATA_INCOMPLETE', dataDir);
  const shared = await readSharedPostgres(dataDir);
  if (shared !== null) {
    await retireCluster(dataDir);
    const { host, port } = shared.access('touchstone', 'server');
    progress(`using the PostgreSQL at ${host}:${port}`);
    return { child: null, access: shared.access };
  }
  if (await exists(movedCluster(dataDir))) throw refuse('DATA_MOVED', dataDir);
  progress('starting the private PostgreSQL');
  const opened = await startPrivatePostgres(dataDir, progress);
  if ((await readSharedPostgres(dataDir)) === null) return opened;
  // A move made the switch in between: what was written here would be lost.
  await opened.child.stop('SIGINT');
  return openPostgres(dataDir, progress);
}

/** Out of the way of whoever would start it by mistake. It stays: people remove it. */
async function retireCluster(dataDir: string): Promise<void> {
  if (!(await exists(clusterDirectory(dataDir)))) return;
  await rename(clusterDirectory(dataDir), movedCluster(dataDir));
  await syncDirectory(dataDir);
}

/** Whether a `touchstone up` has its private PostgreSQL running on this data directory. */
export async function isUp(dataDir: string): Promise<boolean> {
  try {
    const client = await connect(runningPostgres(dataDir).access('touchstone', 'server'));
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** As `openPostgres`, but one that runs already is used as it is. */
export async function reachPostgres(
  dataDir: string,
  progress: (line: string) => void,
): Promise<OpenPostgres> {
  if (await isUp(dataDir)) return { child: null, ...runningPostgres(dataDir) };
  return openPostgres(dataDir, progress);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
