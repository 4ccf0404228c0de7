import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Observed } from './attack.ts';
import { codeOf } from './refusals.ts';
import type { Touchstone } from './touchstone.ts';

/** All that the verifier keeps of hosts and VMs. Alerts and the audit log may count what was refused. */
const TABLES: Readonly<Record<string, string>> = {
  hosts: '*',
  evidence: '*',
  blobs: 'digest',
  attestations: '*',
  baselines: '*',
  vms: '*',
  starts: '*',
  join_tokens: 'id, classes, labels, uses_left, approve, expires_at, revoked_at',
};

export type Records = Readonly<Record<string, readonly unknown[]>>;

/** What is in the verifier's database, read behind its back by the role that may only read. */
export async function recordsOf(touchstone: Touchstone): Promise<Records> {
  return query(touchstone, 'server_read', async (client) => {
    const records: Record<string, unknown[]> = {};
    for (const [table, columns] of Object.entries(TABLES)) {
      const { rows } = await client.query<{ row: unknown }>(
        `SELECT to_jsonb(t) AS row FROM (SELECT ${columns} FROM ${table}) t ORDER BY to_jsonb(t)`,
      );
      records[table] = rows.map(({ row }) => row);
    }
    return records;
  });
}

/** How often the alert was raised about this subject. */
export function alertCount(touchstone: Touchstone, code: string, subject: string): Promise<number> {
  return query(touchstone, 'server_read', async (client) => {
    const { rows } = await client.query<{ count: string }>(
      'SELECT count FROM alerts WHERE code = $1 AND subject = $2',
      [code, subject],
    );
    return Number(rows[0]?.count ?? 0);
  });
}

/** Changes the schema as nobody but its owner can. */
export function change(touchstone: Touchstone, sql: string): Promise<void> {
  return query(touchstone, 'server_migrate', async (client) => void (await client.query(sql)));
}

/** Changes the database as nobody but its owner can. */
export function corrupt(touchstone: Touchstone, sql: string, values: unknown[]): Promise<void> {
  return query(touchstone, 'server_migrate', async (client) => {
    const { rowCount } = await client.query(sql, values);
    assert.notEqual(rowCount, 0, `nothing was changed by ${sql}`);
  });
}

/** The code that a request is refused with, once it is seen that it left everything as it was. */
export async function refusedWithoutTrace(
  touchstone: Touchstone,
  request: () => Promise<unknown>,
): Promise<Observed> {
  const before = await recordsOf(touchstone);
  const code = await codeOf(request());
  assert.deepEqual(await recordsOf(touchstone), before, `${code} left a trace`);
  return { outcome: 'R', code };
}

async function query<T>(
  { directory }: Touchstone,
  user: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: join(directory, 'postgres/socket'),
    port: 5432,
    database: 'touchstone',
    user,
    password: (await readFile(join(directory, `secrets/postgres-${user}`), 'utf8')).trim(),
  });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
