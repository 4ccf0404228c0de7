import { type Bucket, bucketsBy } from '@touchstone/transport';
import type { Host } from '../store/host.ts';
import { isAdmitted } from './host-state.ts';

/** For whoever starts over, boots again or has lost answers. */
const BURST = 60;

/**
 * How often a host that nobody admitted is heard: twice as often as it is asked to attest. All authentic evidence is
 * stored, and anybody can bring hosts that wait: what they send in excess would fill the disk.
 * @throws AppError RATE_LIMITED
 */
export function strangerLimit(
  intervalSeconds: number,
  now?: () => number,
): (host: Pick<Host, 'id' | 'state'>) => void {
  const bucket: Bucket = { burst: BURST, perSecond: 2 / intervalSeconds };
  const take = bucketsBy(bucket, now);
  return (host) => {
    if (!isAdmitted(host)) take(host.id);
  };
}
