import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Queryable } from './transaction.ts';

/** How to reach the database: a socket's directory or a host, and a file that holds the password. */
export type DatabaseAddress = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly passwordFile: string;
  readonly tls?: { readonly caFile: string };
};

/** A pool in which no statement and no wait lasts for ever. `onError` hears of idle connections that broke. */
export async function openPool(
  address: DatabaseAddress,
  onError: (error: Error) => void,
): Promise<pg.Pool> {
  const pool = new pg.Pool({
    ...(await connectionOf(address)),
    max: 10,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 5_000,
    idle_in_transaction_session_timeout: 5_000,
  });
  pool.on('error', onError);
  return pool;
}

/** One connection for as long as `work` takes: for migrating, which is bounded by nothing. */
export async function withConnection<T>(
  address: DatabaseAddress,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...(await connectionOf(address)),
    connectionTimeoutMillis: 5_000,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connectionOf({ passwordFile, tls, ...address }: DatabaseAddress) {
  const password = (await readFile(passwordFile, 'utf8')).trimEnd();
  if (tls === undefined) return { ...address, password };
  // `host` as well: an address has no server name, and its certificate would be checked against "localhost".
  const ssl = {
    ca: await readFile(tls.caFile, 'utf8'),
    host: address.host,
    rejectUnauthorized: true,
  };
  return { ...address, password, ssl };
}

/** The only clock that decides anything here. */
export async function databaseNow(database: Queryable): Promise<Date> {
  const { rows } = await database.query<{ now: Date }>('SELECT now() AS now');
  const [row] = rows;
  if (row === undefined) throw new Error('SELECT now() gave no row');
  return row.now;
}
