import type { RotationPhase } from '@touchstone/schemas';
import type pg from 'pg';
import type { Logger } from 'pino';
import { caError } from '../ca-error.ts';
import type { Issuance } from '../issuance/index.ts';
import { type Operator, operatorActor, operatorTransaction } from '../operators/index.ts';
import {
  appendAudit,
  type Forcing,
  inTransaction,
  movePhase,
  type RotationRecord,
} from '../store/index.ts';

/** What a rotation is carried out with. */
export type RotationContext = {
  readonly pool: pg.Pool;
  readonly issuance: Issuance;
  readonly log: Logger;
  /** Who does it; absent, it goes on by itself. */
  readonly by?: Operator;
};

/** Of whoever does it: nothing for an operator whose token has ended. */
export const rotationTransaction = <T>(
  { pool, by }: RotationContext,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> =>
  by === undefined ? inTransaction(pool, work) : operatorTransaction(pool, by, work);

export const actorOf = ({ by }: RotationContext): string =>
  by === undefined ? 'ca' : operatorActor(by);

/**
 * All statements of one step and the new phase, or nothing: whatever dies in between, the next try finds the old phase or
 * the new one. @throws AppError ROTATION_PHASE_DIFFERS if somebody else was there first
 */
export async function transition(
  context: RotationContext,
  rotation: RotationRecord,
  to: RotationPhase,
  work: (client: pg.PoolClient) => Promise<void>,
  forcing?: Forcing,
): Promise<void> {
  await rotationTransaction(context, async (client) => {
    await work(client);
    if (!(await movePhase(client, rotation, to, forcing))) {
      throw caError('ROTATION_PHASE_DIFFERS', 409, {
        detail: `it left ${rotation.phase} meanwhile`,
      });
    }
    const forced = forcing && `, although ${forcing.blockers} stood against it`;
    await appendAudit(client, {
      ...{ actor: actorOf(context), action: `rotation.${to}`, subject: rotation.id },
      detail: `from ${rotation.phase}${forced ?? ''}`,
    });
  });
  context.log.info({ rotation: rotation.id, from: rotation.phase, to, forcing }, 'rotation');
}
