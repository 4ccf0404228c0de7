import { isGoodEvidence } from '@touchstone/appraisal';
import type { HostState, Verdict } from '@touchstone/schemas';
import type { Standing, StoredState } from '../store/host.ts';
import { knownOrNothing, type LostIssuer, lostIssuer } from './issuer-standing.ts';
import type { KnownIssuers } from './issuers.ts';
import type { Verifier } from './verifier.ts';

/** Whether somebody let the host in, and nobody put it out again. */
export const isAdmitted = ({ state }: { readonly state: StoredState }): boolean =>
  state === 'trusted' || state === 'untrusted';

/**
 * Where new authentic evidence leaves a host. DESIGN 3:
 * - an appraisal never moves `pending` or `revoked`;
 * - bad evidence makes a trusted host untrusted, and keeps an untrusted one so until a still later boot;
 * - good evidence makes an untrusted host trusted only from a later boot than the bad one: what ran then may
 *   run still.
 */
export function standingAfterEvidence(
  before: Standing,
  evidence: { readonly verdict: Verdict; readonly resetCount: bigint },
): Standing {
  if (before.state === 'pending' || before.state === 'revoked') return before;
  if (!isGoodEvidence(evidence.verdict)) {
    return { state: 'untrusted', untrustedResetCount: evidence.resetCount };
  }
  if (before.state === 'trusted') return before;
  const laterBoot =
    before.untrustedResetCount !== null && evidence.resetCount > before.untrustedResetCount;
  return laterBoot ? { state: 'trusted', untrustedResetCount: null } : before;
}

/**
 * Where an operator's approval, of the host or of a baseline, leaves it: the operator has decided about this
 * boot, so the stored evidence alone speaks.
 */
export function standingAfterApproval(evidence: {
  readonly verdict: Verdict;
  readonly resetCount: bigint;
}): Standing {
  return isGoodEvidence(evidence.verdict)
    ? { state: 'trusted', untrustedResetCount: null }
    : { state: 'untrusted', untrustedResetCount: evidence.resetCount };
}

/**
 * Where a change of what a host is held to leaves it, when nobody has decided about the host itself: it may
 * lose trust by it and never gain any.
 */
export function standingAfterChange(
  before: Standing,
  evidence: { readonly verdict: Verdict; readonly resetCount: bigint },
): Standing {
  if (before.state === 'pending' || before.state === 'revoked') return before;
  if (isGoodEvidence(evidence.verdict)) return before;
  return { state: 'untrusted', untrustedResetCount: evidence.resetCount };
}

/** A host is stale after this many intervals without authentic evidence. */
const STALE_INTERVALS = 3;

/** Who gave no authentic evidence since then is stale. */
export const staleBefore = (now: Date, intervalSeconds: number): Date =>
  new Date(now.getTime() - STALE_INTERVALS * intervalSeconds * 1_000);

/** What a host told so long after a start has said what became of it, with intervals to spare. */
export const settlingSeconds = (intervalSeconds: number): number =>
  Math.max(300, STALE_INTERVALS * intervalSeconds);

/** What a host's state is read off, besides the time. */
export type Shown = {
  readonly state: StoredState;
  readonly stateSince: Date;
  readonly lastAuthenticAt: Date;
  readonly akIssuer: string;
  readonly markIssuer: string | null;
};

/**
 * `trusted` and `untrusted` say something about now, so they go stale; the others do not. Stale is also who is held to
 * a certificate whose issuer is believed no more, from that moment on and until a new one came and was attested by:
 * `lost` says so. Null for `known`: no list of issuers came yet.
 */
export function shownState(
  host: Shown,
  { now, intervalSeconds, known }: ReadingOf,
): { state: HostState; since: Date; lost: LostIssuer | null } {
  const { state, stateSince } = host;
  if (state !== 'trusted' && state !== 'untrusted') return { state, since: stateSince, lost: null };
  const staleAt = new Date(
    host.lastAuthenticAt.getTime() + STALE_INTERVALS * intervalSeconds * 1_000,
  );
  const lost = lostOf(host, known);
  const ends = [...(now > staleAt ? [staleAt] : []), ...(lost === null ? [] : [lost.since])];
  const [since] = ends.toSorted((a, b) => a.getTime() - b.getTime());
  return since === undefined
    ? { state, since: stateSince, lost: null }
    : { state: 'stale', since, lost };
}

const lostOf = ({ akIssuer, markIssuer }: Shown, known: KnownIssuers | null): LostIssuer | null =>
  known === null
    ? null
    : (lostIssuer(known, akIssuer) ?? (markIssuer === null ? null : lostIssuer(known, markIssuer)));

export type ReadingOf = {
  readonly now: Date;
  readonly intervalSeconds: number;
  readonly known: KnownIssuers | null;
};

/** How hosts are to be read at this moment. */
export const readingOf = ({
  clock,
  settings,
  issuers,
}: Pick<Verifier, 'clock' | 'settings' | 'issuers'>): ReadingOf => ({
  now: clock.now(),
  intervalSeconds: settings.intervalSeconds,
  known: knownOrNothing({ issuers }),
});
