import type { CaProgress, RotationBlocker } from '@touchstone/schemas';
import { changeState, type Forcing, raiseEpoch, type RotationRecord } from '../store/index.ts';
import type { Facts } from './facts.ts';
import { blockedBy, currentReport, hostsThatBlock, type Standing } from './standing.ts';
import { keysOf } from './rotation-keys.ts';
import { type RotationContext, transition } from './transition.ts';

/** For so long a rotation that goes on by itself waits for hosts that are away. They follow the bundles, or come by a cross. */
export const AWAY_WAITED_SECONDS = 86_400;

const BEHIND = 'has no trust bundle yet that names the new anchor';
const UNSEEN =
  'may be among the hosts without the new anchor, which are more than the verifier names';

/**
 * The verifier knows the new issuer; and where the anchor is another one, every host has it, those that are away as long
 * as they are waited for. Of a rehearsal, the canaries that are named: the others come by the cross-certificate.
 */
export function distributeStanding(rotation: RotationRecord, facts: Facts): Standing {
  const current = currentReport(rotation, facts);
  if ('missing' in current) return current.missing;
  const { behind, hosts } = current.progress;
  if (rotation.kind === 'issuing') return blockedBy({ done: hosts, of: hosts }, []);
  const progress = { done: Math.max(0, hosts - behind.count), of: hosts };
  const waited = (facts.now.getTime() - rotation.phaseSince.getTime()) / 1_000;
  const awayToo = !rotation.auto || waited < AWAY_WAITED_SECONDS;
  const { blockers, blockerCount } = hostsThatBlock(behind, { because: BEHIND, awayToo });
  if (rotation.mode !== 'rehearsal') return blockedBy(progress, blockers, blockerCount);
  const left = rotation.canaries.flatMap((canary) => canaryBlockers(canary, behind, awayToo));
  const of = rotation.canaries.length;
  return blockedBy({ done: of - left.length, of }, left);
}

/** A report names some of those that are behind: where there are more, one that it does not name may be among them. */
function canaryBlockers(
  { name, ekRef }: RotationRecord['canaries'][number],
  { count, named }: CaProgress['behind'],
  awayToo: boolean,
): readonly RotationBlocker[] {
  const host = named.find((one) => one.ekRef === ekRef);
  if (host !== undefined) {
    return host.away && !awayToo ? [] : [{ subject: host.name, because: BEHIND, away: host.away }];
  }
  if (count <= named.length) return [];
  return [{ subject: name, because: UNSEEN, away: false }];
}

/** The new one issues from here on, and the old one is still believed. In a rehearsal, for the canaries alone. */
export async function leaveDistribute(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  const { olds, news } = keysOf(rotation);
  await transition(
    context,
    rotation,
    'switch',
    async (client) => {
      if (rotation.mode === 'rehearsal') return;
      await changeState(client, { keyIds: olds, to: 'verify-only' });
      await changeState(client, { keyIds: news, to: 'active' });
      await raiseEpoch(client);
    },
    forcing,
  );
}
