import type pg from 'pg';

/** What a store function runs on: the pool, or one transaction's connection. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

/** All that `work` does, or nothing of it. A connection that could not be ended well is given to nobody else. */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  // One that ends meanwhile tells whoever asks it next; with nobody listening it would end the process.
  client.on('error', unheard);
  try {
    await client.query('BEGIN');
    const value = await work(client);
    await client.query('COMMIT');
    client.off('error', unheard);
    client.release();
    return value;
  } catch (error) {
    const rolledBack = await client.query('ROLLBACK').then(
      () => true,
      () => false,
    );
    client.off('error', unheard);
    client.release(!rolledBack);
    throw error;
  }
}

const unheard = (): void => {};
