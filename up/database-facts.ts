import type pg from 'pg';

/** What is in a database, told so that two can be compared. */
export type DatabaseFacts = {
  /** The migrations that have run. */
  readonly migrations: readonly string[];
  /** By schema and name; a digest over the rows in whatever order. */
  readonly tables: Readonly<Record<string, { readonly rows: number; readonly digest: string }>>;
  readonly sequences: Readonly<Record<string, string>>;
};

/** Rows as text have to read the same on both sides: PostgreSQL 15, 20.11.2. */
const SETTINGS = [
  `SET LOCAL datestyle = 'ISO, YMD'`,
  `SET LOCAL timezone = 'UTC'`,
  `SET LOCAL intervalstyle = 'postgres'`,
  `SET LOCAL extra_float_digits = 1`,
  `SET LOCAL bytea_output = 'hex'`,
];

/** Whatever is there, by the catalogue: partitions are tables, what is partitioned is none itself. */
const RELATIONS = `
  SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   ORDER BY 1, 2`;

const MIGRATIONS = ['pgmigrations', 'schema_migrations'];

/** Within a transaction of the caller's, whose snapshot is what is told of. Reads every row. */
export async function readFacts(client: pg.Client): Promise<DatabaseFacts> {
  for (const setting of SETTINGS) await client.query(setting);
  const { rows } = await client.query<{ schema: string; name: string; kind: string }>(RELATIONS);
  const tables: Record<string, { rows: number; digest: string }> = {};
  const sequences: Record<string, string> = {};
  let migrations: string[] = [];
  for (const { schema, name, kind } of rows) {
    const relation = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`;
    if (kind === 'S') {
      const sequence = await client.query(`SELECT last_value, is_called FROM ${relation}`);
      sequences[`${schema}.${name}`] = JSON.stringify(sequence.rows[0]);
      continue;
    }
    tables[`${schema}.${name}`] = await digestOf(client, relation);
    if (schema === 'public' && MIGRATIONS.includes(name)) {
      const run = await client.query<{ name: string }>(`SELECT name FROM ${relation} ORDER BY id`);
      migrations = run.rows.map((row) => row.name);
    }
  }
  return { migrations, tables, sequences };
}

/** The sum of 128 bits of each row's SHA-256: no order, no memory, and no row counts for another. */
async function digestOf(client: pg.Client, relation: string) {
  const half = (from: number) =>
    `sum(('x' || encode(substring(h FROM ${from} FOR 8), 'hex'))::bit(64)::bigint::numeric)`;
  const { rows } = await client.query<{ rows: string; digest: string }>(
    `SELECT count(*) AS rows, concat_ws('/', coalesce(${half(1)}, 0), coalesce(${half(9)}, 0)) AS digest
       FROM (SELECT sha256(convert_to(t::text, 'UTF8')) AS h FROM ${relation} t) AS hashed`,
  );
  return { rows: Number(rows[0]?.rows), digest: rows[0]?.digest ?? '' };
}

/** Names of tables and sequences that are not the same on both sides. */
export function differences(expected: DatabaseFacts, found: DatabaseFacts): string[] {
  const of = ({ tables, sequences }: DatabaseFacts): Record<string, unknown> => ({
    ...tables,
    ...sequences,
  });
  const [one, other] = [of(expected), of(found)];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  );
}

export const rowsOf = ({ tables }: DatabaseFacts): number =>
  Object.values(tables).reduce((sum, { rows }) => sum + rows, 0);

/** `work` in a read-only transaction of one snapshot, which others may take part in by its name. */
export async function inSnapshot<T>(
  client: pg.Client,
  work: (snapshot: string) => Promise<T>,
): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
    return await work(rows[0]?.id ?? '');
  } finally {
    // Nothing was written: where the connection is gone, the transaction is too.
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

export async function majorVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
}
