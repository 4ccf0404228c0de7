import { randomUUID } from 'node:crypto';
import type { VerifiedEvidence } from '@touchstone/appraisal';
import type { PermitAnswer, StartRequest } from '@touchstone/schemas';
import { refusal, serverFinding } from '../codes.ts';
import { type GateDecision, grantPermit } from '../gate/grant.ts';
import type { AuditLine } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { answeredRequests, insertStarts, type StartRecord } from '../store/starts.ts';
import { holdVms } from '../store/vms.ts';
import { type Appraised, stateFindings } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

type Asked = { readonly appraised: Appraised; readonly verified: VerifiedEvidence };

type Decided = {
  readonly request: StartRequest;
  readonly permitId: string;
  readonly decision: GateDecision;
};

/**
 * Asks the gate of each request by itself, and stores what it decided in the transaction that moves the mark. A request
 * that other evidence asked before has its answer already: it gets no second permit.
 */
export async function answerRequests(
  verifier: Verifier,
  on: Queryable,
  asked: Asked,
): Promise<{ answers: PermitAnswer[]; audit: AuditLine[] }> {
  const { appraised, verified } = asked;
  const { host, now } = appraised;
  const requests = verified.statement.permits ?? [];
  if (requests.length === 0) throw refusal('PERMIT_PURPOSE_MISSING');
  const decided = await decide(verifier, on, { ...asked, requests });
  await insertStarts(on, {
    ...{ hostId: host.id, attestation: appraised.id, at: now },
    starts: decided.filter(({ decision }) => !isAnsweredBefore(decision)).map(startRecord),
  });
  return {
    answers: decided.map((one) => present(verifier, one)),
    audit: decided.map(({ request, permitId, decision }) => ({
      actor: `host ${host.name}`,
      action: `vm.start.${decision.decision}`,
      subject: request.vm,
      detail: `request ${request.requestId}: ${decision.decision === 'permitted' ? `permit ${permitId}` : decision.code}`,
    })),
  };
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
  const vms = await holdVms(
    on,
    requests.map(({ vm }) => vm),
  );
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
    now,
  };
  return requests.map((request) => {
    const permitId = randomUUID();
    const decision = answered.has(request.requestId)
      ? answeredBefore(request)
      : grantPermit({ ...common, vm: vms.get(request.vm) ?? null, request, permitId });
    return { request, permitId, decision };
  });
}

function answeredBefore({ requestId }: StartRequest): GateDecision {
  const finding = serverFinding('REQUEST_ALREADY_ANSWERED', { subject: requestId });
  return { decision: 'refused', code: finding.code, findings: [finding] };
}

const isAnsweredBefore = (decision: GateDecision): boolean =>
  decision.decision === 'refused' && decision.code === 'REQUEST_ALREADY_ANSWERED';

const startRecord = ({ request, permitId, decision }: Decided): StartRecord => ({
  request,
  ...(decision.decision === 'permitted'
    ? { decision: 'permitted', permitId }
    : { decision: 'refused', code: decision.code }),
});

function present({ permitKey }: Verifier, { request, decision }: Decided): PermitAnswer {
  const { requestId } = request;
  if (decision.decision === 'permitted') {
    return { requestId, permit: permitKey.sign(decision.claims) };
  }
  const { code, findings } = decision;
  return { requestId, refusal: { code, findings: [...findings] } };
}
