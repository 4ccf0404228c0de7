import type { RotationRecord } from '../store/index.ts';
import { distributeStanding } from './distribute.ts';
import { drainStanding } from './drain.ts';
import type { Facts } from './facts.ts';
import { reissueStanding } from './reissue.ts';
import { retireStanding } from './retire.ts';
import { CLEAR, type Standing } from './standing.ts';

/** How a rotation stands in its phase. Nothing is against leaving a phase that waits for nobody. */
export function standingOf(rotation: RotationRecord, facts: Facts): Standing {
  switch (rotation.phase) {
    case 'distribute':
      return distributeStanding(rotation, facts);
    case 'reissue':
      return reissueStanding(rotation, facts);
    case 'drain':
    case 'rolling-back':
      return drainStanding(rotation, facts);
    case 'retire':
      return retireStanding(rotation, facts);
    case 'plan':
    case 'stage':
    case 'switch':
    case 'destroy':
    case 'done':
    case 'rolled-back':
      return CLEAR;
  }
}
