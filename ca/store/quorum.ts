import type { Queryable } from './transaction.ts';

/** How many people loosening takes. */
export const readQuorum = (on: Queryable): Promise<number> => quorumOf(on, '');

/** Nobody moves it until the transaction ends. A change of it waits for whoever reads it here. */
export const holdQuorum = (on: Queryable): Promise<number> => quorumOf(on, 'FOR SHARE');

export const lockQuorum = (on: Queryable): Promise<number> => quorumOf(on, 'FOR UPDATE');

async function quorumOf(on: Queryable, lock: '' | 'FOR SHARE' | 'FOR UPDATE'): Promise<number> {
  const { rows } = await on.query<{ quorum: number }>(`SELECT quorum FROM operating ${lock}`);
  if (rows[0] === undefined) throw new Error('the table `operating` has one row');
  return rows[0].quorum;
}

export async function setQuorum(on: Queryable, quorum: number): Promise<void> {
  await on.query('UPDATE operating SET quorum = $1', [quorum]);
}

/** People with a live token that commands, by name. */
export async function approvers(on: Queryable): Promise<string[]> {
  const { rows } = await on.query<{ person: string }>(
    `SELECT DISTINCT person FROM operators
      WHERE role = 'operator' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
      ORDER BY person LIMIT 1000`,
  );
  return rows.map(({ person }) => person);
}
