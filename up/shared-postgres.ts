import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refuse } from './codes.ts';
import type { Postgres } from './database-access.ts';
import { writeDurably } from './durable-file.ts';

const FILE = 'database.json';
const CA_FILE = 'database-ca.pem';

/** Where the databases are that are not in this data directory. Written last of a move: it is the switch. */
type SharedPostgres = {
  readonly schema: 'touchstone/database/1';
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly movedAt: string;
};

export type SharedAddress = Pick<SharedPostgres, 'host' | 'port' | 'tls'>;

/** As `touchstone up` and the rooms reach it; null while the private cluster is the one. */
export async function readSharedPostgres(dataDir: string): Promise<Postgres | null> {
  const path = join(dataDir, FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
  const address = addressIn(text);
  if (address === null) throw refuse('DATABASE_FILE_MALFORMED', path);
  return sharedPostgres(dataDir, address);
}

function addressIn(text: string): SharedAddress | null {
  try {
    const { schema, host, port, tls } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const known = schema === 'touchstone/database/1' && typeof host === 'string' && host !== '';
    // Whoever left `tls` out may have meant either: nothing is guessed.
    return known && Number.isInteger(port) && typeof tls === 'boolean'
      ? { host, port: port as number, tls }
      : null;
  } catch {
    return null;
  }
}

export function sharedPostgres(dataDir: string, { host, port, tls }: SharedAddress): Postgres {
  return {
    access: (database, user) => ({
      ...{ host, port, database, user },
      passwordFile: sharedPasswordFile(dataDir, user),
      ...(tls ? { tls: { caFile: sharedCaFile(dataDir) } } : {}),
    }),
  };
}

export const sharedCaFile = (dataDir: string): string => join(dataDir, CA_FILE);
export const sharedPasswordFile = (dataDir: string, role: string): string =>
  join(dataDir, 'secrets', `shared-postgres-${role}`);

export function switchToShared(dataDir: string, address: SharedAddress): Promise<void> {
  const { host, port, tls } = address;
  const movedAt = new Date().toISOString();
  const content: SharedPostgres = { schema: 'touchstone/database/1', host, port, tls, movedAt };
  return writeDurably(join(dataDir, FILE), `${JSON.stringify(content, null, 2)}\n`);
}
