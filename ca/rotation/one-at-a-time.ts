import type pg from 'pg';

/** Any number, the same in every process. */
const ROTATION_LOCK = 7_301_005;

/**
 * Runs `work` unless another process of this CA is at it; then undefined. The database frees it if this process dies.
 * What must hold without it holds without it: each step asks again in its own transaction.
 */
export async function oneAtATime<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T | undefined> {
  const client = await pool.connect();
  let broken: Error | undefined;
  client.on('error', (error) => {
    broken = error;
  });
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS mine',
      [ROTATION_LOCK],
    );
    if (rows[0]?.mine !== true) return undefined;
    try {
      return await work();
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [ROTATION_LOCK]).catch((error: Error) => {
        broken = error;
      });
    }
  } finally {
    client.removeAllListeners('error');
    client.release(broken);
  }
}
