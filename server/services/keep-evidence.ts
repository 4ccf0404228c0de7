import type { Queryable } from '../store/database.ts';
import { insertEvidence } from '../store/evidence.ts';
import { storableEvidence } from './authenticate-evidence.ts';
import { recordEpoch } from './bundle-epoch.ts';
import { alertDivergingPolicy } from './diverging-policy.ts';
import type { Judged } from './judge-evidence.ts';
import { keepIma } from './keep-ima.ts';
import type { Verifier } from './verifier.ts';

/** Evidence that was judged, with what its verdict was made from, and what its statement says besides. */
export async function keepEvidence(
  verifier: Verifier,
  on: Queryable,
  { evidence, verified, host, grounded, appraised, now }: Judged,
): Promise<void> {
  const { policyId } = grounded.result;
  await insertEvidence(on, storableEvidence(verified, evidence), appraised.context.shared);
  await keepIma(on, { verified, host }, grounded);
  await alertDivergingPolicy(on, verified, { host, policyId, now });
  await recordEpoch(verifier, on, { host, epoch: verified.statement.bundleEpoch, now });
}
