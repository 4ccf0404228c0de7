import type { Forcing, RotationRecord } from '../store/index.ts';
import { leaveDestroy } from './destroy.ts';
import { leaveDistribute } from './distribute.ts';
import { leaveDrain } from './drain.ts';
import { leaveReissue, leaveSwitch } from './reissue.ts';
import { leaveRetire } from './retire.ts';
import { leaveRollingBack } from './rollback.ts';
import { leaveStage } from './stage.ts';
import { type RotationContext, transition } from './transition.ts';

/**
 * Does what a phase is for, as far as it is not done, and goes to the next: one step at least, and as often as it is
 * begun again to the same end. Whoever calls has seen that nothing stands against it, or forces it.
 */
export async function leavePhase(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  switch (rotation.phase) {
    case 'plan':
      return transition(context, rotation, 'stage', async () => {});
    case 'stage':
      return leaveStage(context, rotation);
    case 'distribute':
      return leaveDistribute(context, rotation, forcing);
    case 'switch':
      return leaveSwitch(context, rotation);
    case 'reissue':
      return leaveReissue(context, rotation, forcing);
    case 'drain':
      return leaveDrain(context, rotation, forcing);
    case 'retire':
      return leaveRetire(context, rotation, forcing);
    case 'destroy':
      return leaveDestroy(context, rotation);
    case 'rolling-back':
      return leaveRollingBack(context, rotation, forcing);
    case 'done':
    case 'rolled-back':
  }
}
