import { randomUUID } from 'node:crypto';
import type { VerifiedEvidence } from '@touchstone/appraisal';
import type {
  DiskName,
  PermitAnswer,
  ReleaseKey,
  SealedDiskKey,
  StartRequest,
} from '@touchstone/schemas';
import { refusal, serverFinding } from '../codes.ts';
import { type GateDecision, grantPermit } from '../gate/grant.ts';
import { observeRefusal } from '../gate/observe.ts';
import { sealedDisksOf } from '../gate/sealed-disks.ts';
import type { AuditLine } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { openObservation } from '../store/observations.ts';
import { answeredRequests, insertStarts, type StartRecord } from '../store/starts.ts';
import { heldVms } from '../store/trust-losses.ts';
import { holdVms } from '../store/vms.ts';
import { carriersAmong } from '../store/carriers.ts';
import type { AnsweredStart } from './expose-starts.ts';
import { releaseDiskKeys } from './release-disk-keys.ts';
import { sourcesOf } from './migration-sources.ts';
import { type Appraised, stateFindings } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

/** Of all refusals in one answer, shared out; but each gives some. */
const MAX_FINDINGS = 256;
const MIN_FINDINGS = 16;

type Asked = { readonly appraised: Appraised; readonly verified: VerifiedEvidence };

type Decided = {
  readonly request: StartRequest;
  readonly permitId: string;
  /** Of its sealed disks. */
  readonly disks: readonly DiskName[];
  readonly decision: GateDecision;
  readonly keys?: readonly SealedDiskKey[];
};

/**
 * Asks the gate of each request by itself, and stores what it decided in the transaction that moves the mark. A request
 * that other evidence asked before has its answer already: it gets no second permit.
 */
export async function answerRequests(
  verifier: Verifier,
  on: Queryable,
  asked: Asked,
): Promise<{
  readonly given: { answers: PermitAnswer[]; release?: ReleaseKey };
  readonly audit: readonly AuditLine[];
  readonly starts: readonly AnsweredStart[];
}> {
  const { appraised, verified } = asked;
  const { host, now } = appraised;
  const requests = verified.statement.permits ?? [];
  if (requests.length === 0) throw refusal('PERMIT_PURPOSE_MISSING');
  const granted = await decide(verifier, on, { ...asked, requests });
  const { decided, release } = await withDiskKeys(verifier, on, { host, verified }, granted);
  await insertStarts(on, {
    ...{ hostId: host.id, attestation: appraised.id, at: now },
    starts: decided.filter(({ decision }) => !isAnsweredBefore(decision)).map(startRecord),
  });
  return {
    given: {
      answers: decided.map((one) => present(verifier, one)),
      ...(release === null ? {} : { release }),
    },
    audit: decided.flatMap((one) => auditLines(host, one)),
    starts: decided.map((one) => ({
      ...{ request: one.request, kind: kindOf(one), code: codeOf(one) },
    })),
  };
}

function auditLines(host: Host, one: Decided): AuditLine[] {
  const { requestId, vm } = one.request;
  const common = { actor: `host ${host.name}`, subject: vm };
  const detail = `request ${requestId}: ${outcomeOf(one)}`;
  const started = { ...common, action: `vm.start.${kindOf(one)}`, detail };
  if (one.keys === undefined) return [started];
  const disks = one.keys.map(({ disk }) => disk).join(', ');
  const released = { ...common, action: 'disk-key.release' };
  return [
    started,
    { ...released, detail: `${disks}: request ${requestId}, permit ${one.permitId}` },
  ];
}

const kindOf = ({ decision }: Decided): StartRecord['decision'] =>
  decision.decision === 'permitted' && decision.observed !== undefined
    ? 'observed'
    : decision.decision;

const codeOf = ({ decision }: Decided): string | null =>
  decision.decision === 'refused' ? decision.code : (decision.observed?.code ?? null);

function outcomeOf({ permitId, decision }: Decided): string {
  if (decision.decision === 'refused') return decision.code;
  return decision.observed === undefined
    ? `permit ${permitId}`
    : `permit ${permitId} in observe mode, instead of ${decision.observed.code}`;
}

/** What was read is held until the transaction ends: the records are those that count when the permits do. */
async function decide(
  verifier: Verifier,
  on: Queryable,
  { appraised, verified, requests }: Asked & { readonly requests: readonly StartRequest[] },
): Promise<Decided[]> {
  const { host, standing, result, now } = appraised;
  const asked = requests.map(({ requestId }) => requestId);
  const answered = await answeredRequests(on, host.id, asked);
  const uuids = requests.map(({ vm }) => vm);
  const vms = await holdVms(on, uuids);
  const held = await heldVms(on, uuids);
  const observation = await openObservation(on, now);
  const carriers = await carriersAmong(on, uuids);
  const sources = await sourcesOf(verifier, on, { host, requests });
  const common = {
    result,
    host: {
      id: host.id,
      state: standing.state,
      class: host.class,
      labels: host.labels,
      findings: stateFindings(host, standing, result),
    },
    challenge: verified.statement.challenge,
    issuer: verifier.settings.publicUrl,
    maxFindings: Math.max(MIN_FINDINGS, Math.floor(MAX_FINDINGS / requests.length)),
    now,
  };
  return requests.map((request) => {
    const permitId = randomUUID();
    const question = {
      ...common,
      ...{ vm: vms.get(request.vm) ?? null, held: held.get(request.vm)?.cause ?? null },
      ...{ request, permitId, sources: sources.get(request.vm) ?? [] },
      carriesTouchstone: carriers.has(request.vm),
    };
    const decision = answered.has(request.requestId)
      ? answeredBefore(request)
      : observeRefusal(grantPermit(question), question, observation);
    return { request, permitId, disks: sealedDisksOf(question.vm, request), decision };
  });
}

/** A sealed disk whose key cannot be released is a refusal, and never a permit without. */
async function withDiskKeys(
  verifier: Verifier,
  on: Queryable,
  asked: Parameters<typeof releaseDiskKeys>[2],
  granted: readonly Decided[],
): Promise<{ decided: readonly Decided[]; release: ReleaseKey | null }> {
  const wanted = granted.filter((one) => kindOf(one) === 'permitted' && one.disks.length > 0);
  const { release, keys, withheld } = await releaseDiskKeys(
    verifier,
    on,
    asked,
    wanted.map(({ permitId, request: { vm }, disks }) => ({ permitId, vm, disks })),
  );
  const decided = granted.map((one): Decided => {
    const { request, permitId, decision } = one;
    const missing = withheld.get(permitId);
    if (missing !== undefined) {
      const { disk: subject, why: actual } = missing;
      const finding = serverFinding('DISK_KEY_UNAVAILABLE', {
        ...{ subject: `${request.vm}: ${subject}`, expected: 'its key', actual },
      });
      return { ...one, decision: { decision: 'refused', code: finding.code, findings: [finding] } };
    }
    const mine = keys.get(permitId);
    if (mine === undefined || release === null || decision.decision !== 'permitted') return one;
    const claims = { ...decision.claims, 'touchstone.release': release.digest };
    return { ...one, decision: { ...decision, claims }, keys: mine };
  });
  return { decided, release: release?.key ?? null };
}

function answeredBefore({ requestId }: StartRequest): GateDecision {
  const finding = serverFinding('REQUEST_ALREADY_ANSWERED', { subject: requestId });
  return { decision: 'refused', code: finding.code, findings: [finding] };
}

const isAnsweredBefore = (decision: GateDecision): boolean =>
  decision.decision === 'refused' && decision.code === 'REQUEST_ALREADY_ANSWERED';

function startRecord({ request, permitId, decision }: Decided): StartRecord {
  if (decision.decision === 'refused') {
    const { code, findings } = decision;
    return { request, decision: 'refused', code, finding: findings[0] };
  }
  return decision.observed === undefined
    ? { request, decision: 'permitted', permitId }
    : { request, decision: 'observed', permitId, ...decision.observed };
}

function present({ permitKey }: Verifier, { request, decision, keys }: Decided): PermitAnswer {
  const { requestId } = request;
  if (decision.decision === 'permitted') {
    const permit = permitKey.sign(decision.claims);
    return { requestId, permit, ...(keys === undefined ? {} : { keys: [...keys] }) };
  }
  const { code, findings } = decision;
  return { requestId, refusal: { code, findings: [...findings] } };
}
