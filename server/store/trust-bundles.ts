import type { Queryable } from './database.ts';

export type StoredBundle = {
  readonly epoch: number;
  readonly jws: string;
  readonly createdAt: Date;
  /** The first bundle from which on every one, up to this, had all of this one's anchors. */
  readonly anchorsSince: number;
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

type Row = { epoch: string; jws: string; created_at: Date; anchors_since: string };
const COLUMNS = 'epoch, jws, created_at, coalesce(anchors_since, epoch) AS anchors_since';

const bundleOf = (row: Row): StoredBundle => ({
  epoch: Number(row.epoch),
  jws: row.jws,
  createdAt: row.created_at,
  anchorsSince: Number(row.anchors_since),
});

/** The newest first: some of those below `epoch`. */
export async function bundlesDownFrom(on: Queryable, epoch: number): Promise<StoredBundle[]> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM trust_bundles WHERE epoch < $1 ORDER BY epoch DESC LIMIT 8`,
    [epoch],
  );
  return rows.map(bundleOf);
}

export async function newestBundle(on: Queryable): Promise<StoredBundle | null> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM trust_bundles ORDER BY epoch DESC LIMIT 1`,
  );
  return rows[0] === undefined ? null : bundleOf(rows[0]);
}

/** Of two replicas that make one at once, the first does: there is one bundle an epoch. */
export async function insertBundle(on: Queryable, bundle: StoredBundle): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO trust_bundles (epoch, jws, created_at, anchors_since) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`,
    [bundle.epoch, bundle.jws, bundle.createdAt, bundle.anchorsSince],
  );
  return rowCount === 1;
}
