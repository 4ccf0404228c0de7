import { type AttestationResult, loosens } from '@touchstone/appraisal';
import {
  type Baseline,
  type PreviewedHost,
  type PreviewPart,
  type PreviewRequest,
  Slug,
} from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import type { HeldPolicy } from '../store/active-policy.ts';
import type { Queryable } from '../store/database.ts';
import type { Host, Standing } from '../store/host.ts';
import { admittedAfter } from '../store/hosts.ts';
import { lastStarted } from '../store/vms.ts';
import { draftsToApprove } from './approve-baselines.ts';
import { parsedOrRefused } from './baselines.ts';
import { cursorOf, keyIn } from './paging.ts';
import {
  isFor,
  type PolicyChange,
  settlingOf,
  withDocuments,
  withoutDocuments,
} from './policy-change.ts';
import { appraiseOn, groundOfStored } from './ima-list.ts';
import { type Reappraisal, standingOf, storedEvidence } from './reappraise.ts';
import { recordCall } from './record-call.ts';
import type { Actor, Verifier } from './verifier.ts';

/** A part takes about so long, or so many hosts. */
const PART_MS = 2_000;
const PART_HOSTS = 500;
const FINDINGS = 3;

/**
 * Appraises each host's last authentic evidence against the policy as it would be, and changes nothing: the
 * transaction only reads, takes no lock that attestations want, and ends after each part. Hosts that show the same are
 * judged once. Of several at once each waits its turn.
 * @throws AppError BASELINE_NO_DRAFT, BASELINE_NOT_IN_USE, 422 for what is no baseline, PREVIEW_BUSY, CURSOR_MALFORMED
 */
export async function previewPolicy(
  verifier: Verifier,
  by: Actor,
  { change: wanted, cursor }: PreviewRequest,
): Promise<PreviewPart> {
  const after = cursor === undefined ? null : (keyIn(cursor, Slug) as string);
  const part = await verifier.previews(() =>
    verifier.database.transaction(async (on) => {
      await on.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      return previewPart(verifier, on, wanted, after);
    }),
  );
  // A hundred thousand hosts are hundreds of parts, and one question.
  if (cursor === undefined) {
    const subject = wanted.kind === 'documents' ? 'documents' : wanted.name;
    await recordCall(verifier, by, { action: 'baseline.preview', subject, outcome: wanted.kind });
  }
  return part;
}

async function previewPart(
  verifier: Verifier,
  on: Queryable,
  wanted: PreviewRequest['change'],
  after: string | null,
): Promise<PreviewPart> {
  const held = await verifier.policy.read(on);
  const change = await changeOf(on, held, wanted);
  const loosening = loosens(change.before, change.after);
  const policy = { ...held, baselines: change.after };
  const settle = await settlingOf(on, change, loosening);
  const ends = performance.now() + PART_MS;
  const seen: Seen[] = [];
  const hosts = await admittedAfter(on, { limit: PART_HOSTS, after });
  let last: Host | undefined;
  for (const host of hosts) {
    if (last !== undefined && performance.now() > ends) break;
    last = host;
    if (!change.touched.some((document) => isFor(document, host))) continue;
    seen.push({ host, would: await standingAfter(verifier, on, host, { policy, settle }) });
  }
  const more = last !== undefined && (last !== hosts.at(-1) || hosts.length === PART_HOSTS);
  return {
    documents: change.touched.map((document) => ({
      ...{ name: document.name, part: document.part, version: document.version },
      becomes: change.after.includes(document) ? 'active' : 'retired',
    })),
    loosens: loosening,
    hosts: seen.length,
    stay: {
      trusted: seen.filter(({ host, would }) => stays(host, would, 'trusted')).length,
      untrusted: seen.filter(({ host, would }) => stays(host, would, 'untrusted')).length,
    },
    unverified: seen.filter(({ would }) => would === null).length,
    changed: await changedHosts(on, seen),
    ...(more && last !== undefined ? { nextCursor: cursorOf(last.name) } : {}),
  };
}

type Would = { readonly standing: Standing; readonly result: AttestationResult };
type Seen = { readonly host: Host; readonly would: Would | null };

const stays = (host: Host, would: Would | null, state: Standing['state']): boolean =>
  host.state === state && would?.standing.state === state;

async function changeOf(
  on: Queryable,
  { baselines }: HeldPolicy,
  wanted: PreviewRequest['change'],
): Promise<PolicyChange> {
  if (wanted.kind === 'retirement') {
    const change = withoutDocuments(baselines, wanted);
    if (change.touched.length === 0) {
      throw refusal('BASELINE_NOT_IN_USE', { detail: wanted.name });
    }
    return change;
  }
  const documents: Baseline[] =
    wanted.kind === 'approval'
      ? await draftsToApprove(on, wanted.name, wanted)
      : parsedOrRefused(wanted.yaml).map(({ baseline }) => baseline);
  return withDocuments(baselines, documents);
}

/** Null where what is stored does not verify any more: then a change of policy moves nothing. */
async function standingAfter(
  verifier: Verifier,
  on: Queryable,
  host: Host,
  { policy, settle }: { policy: HeldPolicy; settle: Reappraisal['settle'] },
): Promise<Would | null> {
  try {
    const evidence = await storedEvidence(verifier, on, host);
    const { id: hostId, class: held, labels } = host;
    const context = { hostId, class: held, labels, ...policy, now: verifier.clock.now() };
    const ground = await groundOfStored(verifier, on, { verified: evidence, context });
    const { result } = await appraiseOn(ground, context, (whole) =>
      verifier.previewer.appraise(evidence, whole),
    );
    return { standing: await standingOf(on, host, settle(host, result)), result };
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

async function changedHosts(on: Queryable, seen: readonly Seen[]): Promise<PreviewedHost[]> {
  const changed = seen.flatMap(({ host, would }) =>
    would === null || would.standing.state === host.state ? [] : [{ host, ...would }],
  );
  const vms = await lastStarted(
    on,
    changed.map(({ host }) => host.id),
  );
  return changed.map(({ host, standing, result }) => ({
    id: host.id,
    name: host.name,
    from: host.state,
    to: standing.state,
    verdict: result.verdict,
    findings: result.findings.filter(({ effect }) => effect === 'enforce').slice(0, FINDINGS),
    vms: (vms.get(host.id) ?? []).slice(0, 1_000),
  }));
}
