import type { CaOperator, CaRole } from '@touchstone/schemas';
import type pg from 'pg';
import { caError } from '../ca-error.ts';
import { isLiveOperator, inTransaction } from '../store/index.ts';

/** Whose call it is. `person`: two tokens of one person are one voice. */
export type Operator = Pick<CaOperator, 'id' | 'name' | 'person' | 'expiresAt'>;

/** As the audit log and all records name whoever did something. */
export const operatorActor = ({ name, id }: Pick<Operator, 'id' | 'name'>): string =>
  `${name}/${id}`;

/** Whoever holds the machine that the CA runs on. */
export const SETUP = 'setup';

/**
 * A transaction of an operator's: nothing is done for one whose token has ended since the call began, and ending it
 * waits for what is done.
 * @throws AppError UNAUTHENTICATED
 */
export function operatorTransaction<T>(
  pool: pg.Pool,
  by: Operator,
  work: (client: pg.PoolClient) => Promise<T>,
  role: CaRole = 'operator',
): Promise<T> {
  return inTransaction(pool, async (client) => {
    if (!(await isLiveOperator(client, by.id, role))) throw caError('UNAUTHENTICATED', 401);
    return work(client);
  });
}
