import { randomUUID } from 'node:crypto';
import type { PermitAnswer, StartRequest } from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';
import { type GateDecision, grantPermit } from '../gate/grant.ts';
import type { AuditLine } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { insertStart, vmByUuid } from '../store/vms.ts';
import { type Appraised, stateFindings } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

type Asked = {
  readonly appraised: Appraised;
  readonly request: StartRequest;
  readonly challenge: string;
};

/**
 * Asks the gate, and stores its decision in the transaction that moves the mark. A request that other
 * evidence asked before has its answer already: it gets no second permit.
 */
export async function answerRequest(
  verifier: Verifier,
  on: Queryable,
  { appraised, request, challenge }: Asked,
): Promise<{ answer: PermitAnswer; audit: AuditLine }> {
  const { host, standing, result, now } = appraised;
  const permitId = randomUUID();
  const decision = grantPermit({
    result,
    host: {
      id: host.id,
      state: standing.state,
      class: host.class,
      labels: host.labels,
      findings: stateFindings(host, standing, result),
    },
    vm: await vmByUuid(on, request.vm),
    request,
    challenge,
    permitId,
    issuer: verifier.settings.publicUrl,
    now,
  });
  const inserted = await insertStart(on, {
    hostId: host.id,
    requestId: request.requestId,
    vm: request.vm,
    at: now,
    definitionDigest: request.definitionDigest,
    attestation: appraised.id,
    ...(decision.decision === 'permitted'
      ? { decision: 'permitted', permitId }
      : { decision: 'refused', code: decision.code }),
  });
  const settled = inserted ? decision : answeredBefore(request);
  const outcome = settled.decision === 'permitted' ? `permit ${permitId}` : settled.code;
  return {
    answer: await present(verifier, request, settled),
    audit: {
      actor: `host ${host.name}`,
      action: `vm.start.${settled.decision}`,
      subject: request.vm,
      detail: `request ${request.requestId}: ${outcome}`,
    },
  };
}

function answeredBefore({ requestId }: StartRequest): GateDecision {
  const finding = serverFinding('REQUEST_ALREADY_ANSWERED', { subject: requestId });
  return { decision: 'refused', code: finding.code, findings: [finding] };
}

async function present(
  { permitKey }: Verifier,
  { requestId }: StartRequest,
  decision: GateDecision,
): Promise<PermitAnswer> {
  if (decision.decision === 'permitted') {
    return { requestId, permit: permitKey.sign(decision.claims) };
  }
  const { code, findings } = decision;
  return { requestId, refusal: { code, findings: [...findings] } };
}
