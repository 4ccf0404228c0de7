import pg from 'pg';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';

export type DatabaseLogin = {
  /** A directory with PostgreSQL's unix socket, or a host name. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** node:tls's options; without it, in clear text. */
  readonly ssl?: { readonly ca: string; readonly host: string; readonly rejectUnauthorized: true };
};

/** `prepared`: a name of this statement's own, by which each connection plans it once and not every time. */
type QueryOptions = { readonly prepared?: string };

/** What a store function runs on: the pool, or one transaction's connection. */
export type Queryable = {
  query<R extends pg.QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<{ rows: R[]; rowCount: number | null }>;
};

export type Database = Queryable & {
  /** Commits when `work` returns and rolls back when it throws. */
  transaction<T>(work: (on: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

const CONNECTIONS = 10;

export function openDatabase(login: DatabaseLogin, onIdleError: (error: Error) => void): Database {
  const pool = new pg.Pool({
    ...login,
    max: CONNECTIONS,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 30_000,
    application_name: 'touchstone-server',
  });
  pool.on('error', onIdleError);
  return {
    query: (...asked) => pool.query(configOf(...asked)).catch(orUnavailable),
    transaction: (work) => inTransaction(pool, work),
    close: () => pool.end(),
  };
}

const configOf = (
  text: string,
  values: readonly unknown[] = [],
  { prepared }: QueryOptions = {},
): pg.QueryConfig => ({
  ...{ text, values: [...values] },
  ...(prepared === undefined ? {} : { name: prepared }),
});

async function inTransaction<T>(pool: pg.Pool, work: (on: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch(orUnavailable);
  let broken: Error | undefined;
  // A connection may end while `work` waits for something else: its next statement says so, to whoever asks.
  const ended = (error: Error) => {
    broken = error;
  };
  client.on('error', ended);
  const query: Queryable['query'] = (...asked) =>
    client.query(configOf(...asked)).catch(orUnavailable);
  try {
    await query('BEGIN');
    const value = await work({ query });
    await query('COMMIT');
    return value;
  } catch (error) {
    await client.query('ROLLBACK').catch(ended);
    throw error;
  } finally {
    client.off('error', ended);
    // A connection that could not roll back is of unknown state: it is closed, not used again.
    client.release(broken);
  }
}

/** SQLSTATE classes: connection, resources, operator intervention; a transaction that idled. PostgreSQL, Appendix A. */
const UNAVAILABLE = /^(08|53|57|25P03)/u;
/** Of node:net, when the server is away or goes. */
const DISCONNECTED = /^E[A-Z]+$/u;

/** What a statement or a connection failed by: a database that is away is told apart from a statement that is wrong. */
function orUnavailable(cause: unknown): never {
  const { code } = cause as { code?: string };
  const away =
    code === undefined
      ? isPlainError(cause)
      : !(cause instanceof AppError) && (UNAVAILABLE.test(code) || DISCONNECTED.test(code));
  throw away ? refusal('DATABASE_UNAVAILABLE', { cause }) : cause;
}

/**
 * Of pg and its pool, without a code: a connection that ended, or none to be had in time. What a statement is given
 * that it cannot take is an error of another class.
 */
const isPlainError = (cause: unknown): boolean =>
  cause instanceof Error && Object.getPrototypeOf(cause) === Error.prototype;

/** Others hold what was wanted: 55P03 is lock_not_available, 40P01 deadlock_detected. */
export const isBusy = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '');

/** Errors of PostgreSQL by SQLSTATE (Appendix A): 23505 is unique_violation. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === '23505' &&
  (constraint === undefined || error.constraint === constraint);

/** Another try may do: serialization, deadlock, a lock that was not to be had. PostgreSQL, Appendix A, 40 and 55. */
export const isTransient = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && /^(40|55)/u.test(error.code ?? '');
