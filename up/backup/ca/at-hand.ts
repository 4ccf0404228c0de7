import { join, resolve } from 'node:path';
import type pg from 'pg';
import { refuse } from '../../codes.ts';
import { connect, type DatabaseAccess, DATABASES } from '../../database-access.ts';
import { UpError } from '../../failure.ts';
import { isUp, openPostgres, reachPostgres } from '../../postgres.ts';
import type { Progress } from '../../progress.ts';
import { type CaPlace, caPlace } from './place.ts';

export type Where = { readonly data?: string; readonly config?: string };

/** A CA that can be worked on, and what of its deployment is at hand. */
export type CaAtHand = {
  readonly place: CaPlace;
  readonly database: DatabaseAccess;
  /** The server's database, as its owner; null where it is a deployment of its own. */
  readonly server: pg.Client | null;
  /** Of `up`. */
  readonly dataDir: string | null;
  close(): Promise<void>;
};

/**
 * By `--data` or `--config`, of which there has to be one. `alone`: the CA must not run.
 * @throws UpError USAGE, CA_RUNS, CA_CONFIG_UNREADABLE
 */
export async function openCa(
  { data, config }: Where,
  { alone, progress }: { readonly alone: boolean; readonly progress: Progress },
): Promise<CaAtHand> {
  if ((data === undefined) === (config === undefined)) {
    throw new UpError(
      'USAGE',
      'which CA?',
      'Give --data DIR of `touchstone up`, or --config FILE.',
    );
  }
  if (config !== undefined) {
    const place = await caPlace(config);
    const close = () => Promise.resolve();
    return { place, database: place.database, server: null, dataDir: null, close };
  }
  const dataDir = resolve(data ?? '');
  const place = await caPlace(join(dataDir, 'ca/config.json'));
  if (alone && (await isUp(dataDir))) throw refuse('CA_RUNS', dataDir);
  const postgres = await (alone ? openPostgres : reachPostgres)(dataDir, progress);
  try {
    const server = await connect(postgres.access('touchstone', DATABASES.touchstone.owner));
    return {
      place,
      database: postgres.access('touchstone_ca', DATABASES.touchstone_ca.owner),
      server,
      dataDir,
      close: async () => {
        await server.end();
        await postgres.child?.stop('SIGINT');
      },
    };
  } catch (error) {
    await postgres.child?.stop('SIGINT');
    throw error;
  }
}
