import type { Rotation } from '@touchstone/schemas';
import type { Queryable, RotationRecord } from '../store/index.ts';
import { estimatedEnd } from './estimate.ts';
import { readFacts } from './facts.ts';
import { standingOf } from './phase-standing.ts';
import { keysOf } from './rotation-keys.ts';
import { withTrouble } from './standing.ts';

const FORCED_SHOWN = 16;

/** As operators see it: how far it is, and what it waits for. */
export async function showRotation(on: Queryable, rotation: RotationRecord): Promise<Rotation> {
  const facts = await readFacts(on, rotation);
  const standing = standingOf(rotation, facts);
  const { done, of, blockers, blockerCount } = withTrouble(rotation, standing);
  const { id, kind, mode, auto, phase, startedBy, reason } = rotation;
  const { olds, news } = keysOf(rotation);
  return {
    ...{ id, kind, mode, auto, phase, startedBy, reason },
    startedAt: rotation.startedAt.toISOString(),
    phaseSince: rotation.phaseSince.toISOString(),
    endedAt: rotation.endedAt?.toISOString() ?? null,
    ...{ oldKeyIds: [...olds], newKeyIds: [...news] },
    ...{ done, of, blockers: [...blockers], blockerCount },
    estimatedEnd: estimatedEnd(rotation, facts, standing)?.toISOString() ?? null,
    canaries: rotation.canaries.map(({ name }) => name),
    forced: rotation.forced.slice(0, FORCED_SHOWN).map((forced) => ({ ...forced })),
  };
}
