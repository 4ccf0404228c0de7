import type { Forcing, RotationRecord } from '../store/index.ts';
import { raiseEpoch } from '../store/index.ts';
import type { Facts } from './facts.ts';
import { blockedBy, currentReport, hostsThatBlock, type Standing } from './standing.ts';
import { type RotationContext, transition } from './transition.ts';

/** Nothing is waited for: the verifier knows both. From here on the bundle asks the hosts to renew. */
export async function leaveSwitch(
  context: RotationContext,
  rotation: RotationRecord,
): Promise<void> {
  await transition(context, rotation, 'reissue', (client) => raiseEpoch(client));
}

/**
 * No host that is there is held to a certificate of the old issuer; those that are away are waited for in the next phase,
 * until their certificates have ended. Of a rehearsal: every canary has one of the throw-away issuer.
 */
export function reissueStanding(rotation: RotationRecord, facts: Facts): Standing {
  if (rotation.mode === 'rehearsal') {
    const of = rotation.canaries.length;
    const left = facts.canariesLeft.map(({ name }) => ({
      ...{ subject: name, because: 'has not renewed its certificate yet', away: false },
    }));
    return blockedBy({ done: of - left.length, of }, left);
  }
  const current = currentReport(rotation, facts);
  if ('missing' in current) return current.missing;
  const { issuers, hosts } = current.progress;
  const old = issuers.filter(({ keyId }) =>
    rotation.mode === 'compromise' ? keyId !== rotation.newIssuing : keyId === rotation.oldIssuing,
  );
  const held = old.map((issuer) =>
    hostsThatBlock(issuer.hosts, {
      because: 'has not renewed its certificate yet',
      awayToo: false,
    }),
  );
  const left = old.reduce((sum, issuer) => sum + issuer.hosts.count, 0);
  return blockedBy(
    { done: Math.max(0, hosts - left), of: hosts },
    held.flatMap(({ blockers }) => blockers),
    held.reduce((sum, { blockerCount }) => sum + blockerCount, 0),
  );
}

/** In a rehearsal the way back begins: the canaries are asked to leave the throw-away issuer again. */
export async function leaveReissue(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  await transition(context, rotation, 'drain', (client) => raiseEpoch(client), forcing);
}
