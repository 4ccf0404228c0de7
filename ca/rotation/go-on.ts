import { openRotations, recordTrouble, rotationById, type RotationRecord } from '../store/index.ts';
import { destroyForgotten, destroyRefused } from './destroy.ts';
import { readFacts } from './facts.ts';
import { leavePhase } from './leave-phase.ts';
import { standingOf } from './phase-standing.ts';
import type { RotationContext } from './transition.ts';

/** More than there are phases. */
const MOST_STEPS = 16;

/** As far as a rotation comes by itself now. Throws what a step failed by, and has written it down. */
async function goOn(context: RotationContext, id: string): Promise<void> {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const rotation = await rotationById(context.pool, id);
    if (rotation === undefined || rotation.endedAt !== null) return;
    const standing = standingOf(rotation, await readFacts(context.pool, rotation));
    if (standing.blockerCount > 0) return;
    await tried(context, rotation, () => leavePhase(context, rotation));
  }
}

/** Whoever looks at the rotation sees why it stands still. */
export async function tried<T>(
  { pool }: Pick<RotationContext, 'pool'>,
  { id }: Pick<RotationRecord, 'id'>,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const trouble = String(typeof code === 'string' ? code : message).slice(0, 512);
    await recordTrouble(pool, id, trouble).catch(() => {});
    throw error;
  }
}

/**
 * What goes on without a person: rotations that were started so, and whatever is taken back; and keys that one left behind.
 */
export async function goOnByItself(context: RotationContext): Promise<void> {
  const open = await openRotations(context.pool);
  for (const { id, auto, phase } of open) {
    if (auto || phase === 'rolling-back') await goOn(context, id);
  }
}

/**
 * What a rotation that ended while another process was at it may have left: a key without a certificate. And the key of
 * what was refused by a process that died before it destroyed it.
 */
export async function tidyUp(context: RotationContext): Promise<void> {
  if ((await openRotations(context.pool)).length > 0) return;
  await destroyRefused(context);
  await destroyForgotten(context);
}
