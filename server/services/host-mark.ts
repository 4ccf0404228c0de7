import type { VerifiedEvidence } from '@touchstone/appraisal';
import type { Mark } from '../store/host.ts';

/** The counters of the TPM as evidence quotes them. */
export function markOf({ attest }: Pick<VerifiedEvidence, 'attest'>): Mark {
  const { resetCount, restartCount, clock } = attest.clockInfo;
  return { resetCount: BigInt(resetCount), restartCount: BigInt(restartCount), clock };
}
