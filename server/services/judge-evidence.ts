import { randomUUID } from 'node:crypto';
import { type AppraisalContext, writeContext } from '@touchstone/appraisal';
import type { HeldPolicy } from '../store/active-policy.ts';
import type { Queryable } from '../store/database.ts';
import { standingAfterEvidence } from './host-state.ts';
import { appraiseOn, type Grounded, groundOfNew } from './ima-list.ts';
import { isRefused, refuseAstray, refuseShort } from './keep-ima.ts';
import type { Marked } from './mark-host.ts';
import type { Appraised } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

/** Evidence with its verdict, and where that leaves its host. Nothing of it is stored yet. */
export type Judged = Marked & {
  readonly grounded: Grounded;
  readonly appraised: Appraised;
  readonly windows: HeldPolicy['windows'];
};

/**
 * Under the host's lock: what was approved while this evidence waited for it counts already.
 * @throws ImaRefusal
 */
export async function judgeEvidence(
  verifier: Verifier,
  on: Queryable,
  marked: Marked,
): Promise<Judged> {
  const { verified, host, mark, now } = marked;
  const held = await verifier.policy.read(on);
  const grounded = await groundedResult(verifier, on, marked, {
    ...{ hostId: host.id, class: host.class, labels: host.labels },
    ...held,
    now,
  });
  const { result } = grounded;
  const appraised: Appraised = {
    ...{ id: randomUUID(), host, result, cause: 'evidence', now },
    standing: standingAfterEvidence(host, {
      ...{ verdict: result.verdict, resetCount: mark.resetCount },
    }),
    context: writeContext(verified, grounded.context),
  };
  return { ...marked, grounded, appraised, windows: held.windows };
}

async function groundedResult(
  verifier: Verifier,
  on: Queryable,
  { verified, host, now }: Marked,
  context: AppraisalContext,
): Promise<Grounded> {
  const received = { verified, host, now };
  const ground = await groundOfNew(verifier, on, { verified, context });
  if ('next' in ground) throw refuseAstray(ground, received);
  const grounded = await appraiseOn(ground, context, (whole) =>
    verifier.appraiser.appraiseAgain(verified, whole, host),
  );
  if (isRefused(grounded, host)) throw refuseShort(received, grounded);
  return grounded;
}
