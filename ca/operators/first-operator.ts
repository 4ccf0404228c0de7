import type { CaOperatorCreated } from '@touchstone/schemas';
import type { Logger } from 'pino';
import { caError } from '../ca-error.ts';
import type { CaConfig } from '../config.ts';
import {
  appendAudit,
  checkSchemaVersion,
  claimFirstOperator,
  openPool,
  type Queryable,
  setQuorum,
  inTransaction,
} from '../store/index.ts';
import { SETUP } from './operator.ts';
import { issueOperator } from './tokens.ts';

export type FirstOperators = CaOperatorCreated & {
  /** For another person, where loosening takes two. */
  readonly second?: CaOperatorCreated;
};

/**
 * The first token that commands this CA, once in its life, for whoever holds its machine; and the quorum that it begins
 * with: where that is 2, a second token for another person.
 * @throws AppError FIRST_OPERATOR_EXISTS
 */
export async function firstOperator(
  config: CaConfig,
  quorum: number,
  log: Logger,
): Promise<FirstOperators> {
  const pool = await openPool(config.database, (err) => log.error({ err }, 'database connection'));
  try {
    await checkSchemaVersion(pool);
    return await inTransaction(pool, async (client) => {
      if (!(await claimFirstOperator(client))) throw caError('FIRST_OPERATOR_EXISTS', 409);
      if (quorum === 2) {
        await setQuorum(client, 2);
        const line = { actor: SETUP, action: 'quorum.raise', subject: 'quorum', detail: '1 -> 2' };
        await appendAudit(client, line);
      }
      return issueForSetup(client, quorum, ['first', 'second']);
    });
  } finally {
    await pool.end();
  }
}

/** One token for each voice that the quorum takes. */
export async function issueForSetup(
  client: Queryable,
  quorum: number,
  [one, other]: readonly [string, string],
): Promise<FirstOperators> {
  const issue = (name: string) =>
    issueOperator(client, {
      ...{ name, person: name, role: 'operator', createdBy: SETUP },
      expiresAt: null,
    });
  const first = await issue(one);
  return quorum < 2 ? first : { ...first, second: await issue(other) };
}
