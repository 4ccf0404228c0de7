import type { RotationAdvance, RotationPhase, RotationStart } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import { rotationById, type RotationRecord } from '../store/index.ts';
import { blocked } from './blocked.ts';
import { readFacts } from './facts.ts';
import { goOnByItself, tried } from './go-on.ts';
import { leavePhase } from './leave-phase.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { standingOf } from './phase-standing.ts';
import { planRotation } from './plan.ts';
import { rollBack } from './rollback.ts';
import { actorOf, type RotationContext } from './transition.ts';

/** @throws AppError as planRotation; what goes on by itself has gone as far as it can, or says later why it does not */
export async function startRotation(
  context: RotationContext,
  asked: RotationStart,
): Promise<RotationRecord> {
  const { id } = await planRotation(context, asked);
  await oneAtATime(context.pool, () => goOnByItself(byItself(context))).catch((error: unknown) => {
    context.log.error({ err: error, rotation: id }, 'a rotation does not go on');
  });
  return existing(context, id);
}

/**
 * One phase on.
 * @throws AppError ROTATION_UNKNOWN, ROTATION_PHASE_DIFFERS, ROTATION_BUSY, ROTATION_BLOCKED with who it waits for, and
 *   whatever the step failed by
 */
export async function advanceRotation(
  context: RotationContext,
  { id, from, force }: RotationAdvance & { readonly id: string },
): Promise<RotationRecord> {
  return alone(context, id, async (rotation) => {
    requirePhase(rotation, from);
    const standing = standingOf(rotation, await readFacts(context.pool, rotation));
    const inTheWay = standing.blockerCount > 0;
    if (inTheWay && !force) throw blocked(rotation, standing);
    const forcing = inTheWay
      ? { by: actorOf(context), blockers: standing.blockerCount }
      : undefined;
    await tried(context, rotation, () => leavePhase(context, rotation, forcing));
  });
}

/** @throws AppError ROTATION_UNKNOWN, ROTATION_BUSY, ROTATION_TOO_LATE */
export async function takeBackRotation(
  context: RotationContext,
  id: string,
): Promise<RotationRecord> {
  const back = await alone(context, id, (rotation) => rollBack(context, rotation));
  // Where nobody has anything of it yet, it is over at once.
  await oneAtATime(context.pool, () => goOnByItself(byItself(context))).catch(() => {});
  return (await rotationById(context.pool, id)) ?? back;
}

/** What follows is nobody's any more. */
const byItself = ({ pool, issuance, log }: RotationContext): RotationContext => ({
  ...{ pool, issuance, log },
});

async function alone(
  context: RotationContext,
  id: string,
  work: (rotation: RotationRecord) => Promise<void>,
): Promise<RotationRecord> {
  const done = await oneAtATime(context.pool, async () => {
    await work(await existing(context, id));
    return existing(context, id);
  });
  if (done === undefined) throw caError('ROTATION_BUSY', 409, { retryAfterSeconds: 2 });
  return done;
}

async function existing({ pool }: RotationContext, id: string): Promise<RotationRecord> {
  const rotation = await rotationById(pool, id);
  if (rotation === undefined) throw caError('ROTATION_UNKNOWN', 404, { detail: id });
  return rotation;
}

function requirePhase({ phase }: RotationRecord, from: RotationPhase): void {
  if (phase === from) return;
  throw caError('ROTATION_PHASE_DIFFERS', 409, { detail: `it is in ${phase}, not in ${from}` });
}
