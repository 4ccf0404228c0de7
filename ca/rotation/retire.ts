import type { Forcing, RotationRecord } from '../store/index.ts';
import type { Facts } from './facts.ts';
import { blockedBy, currentReport, type Standing } from './standing.ts';
import { type RotationContext, transition } from './transition.ts';

/** The verifier refuses the old issuer before its key goes for good. A stolen key is not kept for that. */
export function retireStanding(rotation: RotationRecord, facts: Facts): Standing {
  if (rotation.mode === 'compromise') return blockedBy({ done: 1, of: 1 }, []);
  const current = currentReport(rotation, facts);
  return 'missing' in current
    ? { ...current.missing, done: 0, of: 1 }
    : blockedBy({ done: 1, of: 1 }, []);
}

export async function leaveRetire(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  await transition(context, rotation, 'destroy', async () => {}, forcing);
}
