import type { RotationRecord } from '../store/index.ts';
import { AWAY_WAITED_SECONDS } from './distribute.ts';
import type { Facts } from './facts.ts';
import { goingIssuer } from './rotation-keys.ts';
import type { Standing } from './standing.ts';

/** Before so much of a phase has passed, its pace says nothing. */
const LEAST_MS = 10_000;

/**
 * When a phase may be over, as things go: at the pace at which hosts came so far; where certificates are waited for, at
 * the end of the last; where only hosts that are away are left, when they are waited for no more. Null where nobody can
 * say.
 */
export function estimatedEnd(
  rotation: RotationRecord,
  facts: Facts,
  { done, of, blockers, blockerCount }: Standing,
): Date | null {
  if (rotation.endedAt !== null || blockerCount === 0) return null;
  if (rotation.phase === 'drain' || rotation.phase === 'rolling-back') {
    return facts.issued.get(goingIssuer(rotation) ?? '')?.lastEnds ?? null;
  }
  const onlyAway = blockers.length > 0 && blockers.every(({ away }) => away);
  if (rotation.phase === 'distribute' && rotation.auto && onlyAway) {
    return new Date(rotation.phaseSince.getTime() + AWAY_WAITED_SECONDS * 1_000);
  }
  const passedMs = facts.now.getTime() - rotation.phaseSince.getTime();
  if (done === 0 || onlyAway || passedMs < LEAST_MS) return null;
  return new Date(facts.now.getTime() + (passedMs / done) * Math.max(0, of - done));
}
