import type { Queryable } from './database.ts';

export type StoredBundle = {
  readonly epoch: number;
  readonly jws: string;
  readonly createdAt: Date;
};

/** Agents ask again until they have them all. */
const MAX_AT_ONCE = 64;

/** Nobody else makes a bundle until the transaction ends. */
const BUNDLE_LOCK = 0x546f_4231;
export async function lockBundles(on: Queryable): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock($1)', [BUNDLE_LOCK]);
}

export async function bundlesAfter(on: Queryable, epoch: number): Promise<string[]> {
  const { rows } = await on.query<{ jws: string }>(
    'SELECT jws FROM trust_bundles WHERE epoch > $1 ORDER BY epoch LIMIT $2',
    [epoch, MAX_AT_ONCE],
  );
  return rows.map(({ jws }) => jws);
}

/** The newest first: some of those below `epoch`. */
export async function bundlesDownFrom(on: Queryable, epoch: number): Promise<StoredBundle[]> {
  const { rows } = await on.query<{ epoch: string; jws: string; created_at: Date }>(
    'SELECT epoch, jws, created_at FROM trust_bundles WHERE epoch < $1 ORDER BY epoch DESC LIMIT 8',
    [epoch],
  );
  return rows.map((row) => ({
    epoch: Number(row.epoch),
    jws: row.jws,
    createdAt: row.created_at,
  }));
}

export async function newestBundle(on: Queryable): Promise<StoredBundle | null> {
  const { rows } = await on.query<{ epoch: string; jws: string; created_at: Date }>(
    'SELECT epoch, jws, created_at FROM trust_bundles ORDER BY epoch DESC LIMIT 1',
  );
  const [row] = rows;
  return row === undefined
    ? null
    : { epoch: Number(row.epoch), jws: row.jws, createdAt: row.created_at };
}

/** Of two replicas that make one at once, the first does: there is one bundle an epoch. */
export async function insertBundle(on: Queryable, bundle: StoredBundle): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO trust_bundles (epoch, jws, created_at) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING`,
    [bundle.epoch, bundle.jws, bundle.createdAt],
  );
  return rowCount === 1;
}
