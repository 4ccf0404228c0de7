import {
  changeState,
  listAuthorities,
  movePhase,
  openRotations,
  type Queryable,
  withdrawCrosses,
} from '../store/index.ts';
import type { RotationRecord } from '../store/index.ts';

/** Another compromise excepted: that one is already what is wanted. */
export async function supersede(on: Queryable): Promise<void> {
  for (const running of await openRotations(on)) {
    if (running.phase === 'rolling-back' || running.mode === 'compromise') continue;
    await movePhase(on, running, 'rolled-back');
  }
}

/**
 * Before the new ones become active, in the same transaction: all keys of this kind are refused, whatever they were,
 * because they lay beside the one that is known to be stolen; and with a root, all that was signed under one.
 */
export async function refuseAllOthers(
  on: Queryable,
  kind: RotationRecord['kind'],
  newKeyIds: readonly string[],
): Promise<void> {
  const keyIds = (await listAuthorities(on))
    .filter(({ role, state }) => kind === 'root' || role === 'issuing' || state === 'staged')
    .filter(({ keyId, reason }) => reason === null && !newKeyIds.includes(keyId))
    .map(({ keyId }) => keyId);
  await changeState(on, { keyIds, to: 'refused', reason: 'compromised' });
  await withdrawCrosses(on);
}
