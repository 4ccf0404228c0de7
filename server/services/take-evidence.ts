import { randomUUID } from 'node:crypto';
import {
  evidenceDigestOf,
  type ParsedEvidence,
  statementVersionOf,
  type VerifiedEvidence,
  writeContext,
} from '@touchstone/appraisal';
import type { Issuer, Revocation } from '@touchstone/endorsement';
import type { Evidence, EvidenceAnswer, PermitsAnswer } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { answerToEvidence, type DatedReference } from '../store/attestations.ts';
import { appendAudits, type AuditLine } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { forgetOlderOfPending, insertEvidence } from '../store/evidence.ts';
import type { Host, Mark } from '../store/host.ts';
import { moveMark } from '../store/host-mark.ts';
import { hostByAkName } from '../store/hosts.ts';
import { answerRequests } from './answer-requests.ts';
import { authenticEvidence, readEvidence, storableEvidence } from './authenticate-evidence.ts';
import { recordEpoch, requireKnownEpoch } from './bundle-epoch.ts';
import { requireChallenge } from './give-challenge.ts';
import { settlingSeconds, standingAfterEvidence } from './host-state.ts';
import { type AnsweredStart, exposeStarts } from './expose-starts.ts';
import { alertDivergingPolicy } from './diverging-policy.ts';
import { settleWindows } from './end-window.ts';
import { issuersFor } from './issuer-standing.ts';
import { mandatesFor } from './mandates.ts';
import { explainOlder, type Older } from './older-evidence.ts';
import { type Appraised, recordAppraisal, signResult } from './record-appraisal.ts';
import { appraiseOn, groundOfNew, positionIn } from './ima-list.ts';
import { ImaRefusal, isRefused, keepIma, refuseAstray, refuseShort } from './keep-ima.ts';
import { revocationFor } from './revocation-lists.ts';
import { takeGateReport } from './take-gate-report.ts';
import { settleAsUntrusted } from './unsettled-evidence.ts';
import type { Verifier } from './verifier.ts';

/** POST /v1/evidence. */
export const takeAttestation = (verifier: Verifier, evidence: Evidence) =>
  takeEvidence(verifier, 'attest', evidence) as Promise<EvidenceAnswer>;

/** POST /v1/permits. */
export const takePermitRequest = (verifier: Verifier, evidence: Evidence) =>
  takeEvidence(verifier, 'permit', evidence) as Promise<PermitsAnswer>;

type Taken = {
  readonly purpose: 'attest' | 'permit';
  readonly evidence: Evidence;
  readonly verified: VerifiedEvidence;
  readonly host: Host;
  /** Of the list of issuers that it was verified against. */
  readonly caEpoch: number;
  readonly challengeMadeAt: Date;
  readonly now: Date;
};

/** Another replica was told since of an issuer that is believed no more: nothing has happened, and it is done over. */
class IssuersChanged extends Error {}
/** They do not change so often. */
const MAX_LISTS = 3;

/**
 * Evidence of a known host, DESIGN 4, Attest: parsed, its challenge checked, verified; then one
 * transaction moves the host's mark, appraises, stores the verdict and answers. Evidence that is not authentic changes
 * nothing but a count. The same evidence again gets the answer that it got, whenever it comes.
 */
async function takeEvidence(
  verifier: Verifier,
  purpose: 'attest' | 'permit',
  evidence: Evidence,
): Promise<object> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await takeOnce(verifier, purpose, evidence);
    } catch (error) {
      if (!(error instanceof IssuersChanged) || attempt === MAX_LISTS) throw error;
      await verifier.issuers.recalled();
    }
  }
}

async function takeOnce(
  verifier: Verifier,
  purpose: 'attest' | 'permit',
  evidence: Evidence,
): Promise<object> {
  const now = verifier.clock.now();
  // Nobody is believed by a verifier that knows no issuers, and nothing is looked at.
  verifier.issuers.known();
  const parsed = readEvidence(evidence, purpose);
  const { akName, challenge } = parsed.statement;
  const host = await hostByAkName(verifier.database, akName);
  if (host === null) throw refusal('HOST_UNKNOWN', { detail: `No host has the AK ${akName}.` });
  const { akCertificate } = verifier.identityOf(host);
  const { epoch: caEpoch, issuers } = await issuersFor(verifier, akCertificate.issuerKeyId);
  const revocation = await revocationFor(verifier.revocation, akCertificate);

  await requireKnownEpoch(verifier, parsed.statement.bundleEpoch);
  const repeated = evidenceDigestOf(parsed) === host.markEvidence;
  const challengeMadeAt = repeated
    ? now
    : requireChallenge(verifier, challenge, { akName, purpose, now });
  const claim = { parsed, purpose, host, issuers, revocation, now };
  const verified = await verifiedOrCounted(verifier, claim);
  if (repeated) {
    const { markEvidenceDay: day } = host;
    return storedAnswer(verifier.database, { id: verified.digest, day });
  }
  verifier.limitStranger(host);

  const taken = { purpose, evidence, verified, host, caEpoch, challengeMadeAt, now };
  const outcome = await settledOrUntrusted(verifier, taken).catch(async (error: unknown) => {
    if (error instanceof ImaRefusal) await verifier.database.transaction(error.afterwards);
    if (isDowngrade(error)) {
      const alert = { code: error.code, subject: host.name, detail: error.message };
      await raiseAlert(verifier.database, alert, now);
    }
    throw error;
  });
  if (outcome.kind !== 'answered') return olderAnswer(verifier, outcome);
  if (outcome.ended) settleSoon(verifier);
  return outcome.answer;
}

const isDowngrade = (error: unknown): error is AppError =>
  error instanceof AppError && error.code === 'STATEMENT_DOWNGRADED';

/** Nobody waits for it; where it fails, whoever looks next does it. */
function settleSoon(verifier: Verifier): void {
  settleWindows(verifier).catch((error: unknown) =>
    verifier.log.warn({ err: error }, 'an update window that has ended is not settled yet'),
  );
}

async function verifiedOrCounted(
  verifier: Verifier,
  claim: {
    readonly parsed: ParsedEvidence;
    readonly purpose: 'attest' | 'permit';
    readonly host: Host;
    readonly issuers: readonly Issuer[];
    readonly revocation: Revocation | undefined;
    readonly now: Date;
  },
): Promise<VerifiedEvidence> {
  const { parsed, purpose, host, issuers, revocation, now } = claim;
  try {
    return authenticEvidence(parsed, {
      purpose,
      hostId: host.id,
      challenge: Buffer.from(parsed.statement.challenge, 'base64url'),
      ...verifier.identityOf(host),
      issuers,
      revocation,
      selection: verifier.settings.selection,
      now,
    });
  } catch (error) {
    if (error instanceof AppError) {
      const alert = { code: 'EVIDENCE_REJECTED', subject: host.name, detail: error.code };
      await raiseAlert(verifier.database, alert, now);
    }
    throw error;
  }
}

async function settledOrUntrusted(verifier: Verifier, taken: Taken): Promise<Outcome> {
  try {
    return await verifier.database.transaction((on) => settle(verifier, on, taken));
  } catch (error) {
    if (error instanceof IssuersChanged) throw error;
    const unsettled = { ...taken, mark: markOf(taken.verified), error };
    const counts = await settleAsUntrusted(verifier, unsettled).catch((failure: unknown) => {
      verifier.log.error({ err: failure, host: taken.host.id }, 'a host keeps its state');
      return false;
    });
    throw counts ? refusal('EVIDENCE_UNSETTLED', { cause: error }) : error;
  }
}

/** `ended`: this was the last host that an update window waited for. */
type Outcome =
  { readonly kind: 'answered'; readonly answer: object; readonly ended: boolean } | Older;

async function settle(verifier: Verifier, on: Queryable, taken: Taken): Promise<Outcome> {
  const { purpose, evidence, verified, now } = taken;
  const mark = markOf(verified);
  const statementVersion = statementVersionOf(verified.statement);
  const tellsOfGate = purpose === 'attest' && statementVersion >= 2;
  const moved = await moveMark(on, {
    akName: verified.akName,
    mark,
    evidence: verified.digest,
    statementVersion,
    tellsOfGate,
    now,
  });
  if (moved === null) {
    const { akName, digest } = verified;
    return explainOlder(on, { ...taken, mark, akName, digest, hostId: taken.host.id });
  }
  const { host } = moved;
  if (moved.caEpoch > taken.caEpoch) throw new IssuersChanged();
  if (moved.statementVersion > statementVersion) {
    const detail = `version ${statementVersion}, shown before: ${moved.statementVersion}`;
    throw refusal('STATEMENT_DOWNGRADED', { detail });
  }

  // Under the host's lock: what was approved while this evidence waited for it counts already.
  const policy = {
    hostId: host.id,
    class: host.class,
    labels: host.labels,
    ...(await verifier.policy.read(on)),
    now,
  };
  const received = { verified, host, now };
  const ground = await groundOfNew(verifier, on, { verified, context: policy });
  if ('next' in ground) throw refuseAstray(ground, received);
  const grounded = await appraiseOn(ground, policy, (whole) =>
    verifier.appraiser.appraiseAgain(verified, whole, host),
  );
  const { result } = grounded;
  if (isRefused(grounded, host)) throw refuseShort(received, grounded);
  const context = writeContext(verified, grounded.context);
  await insertEvidence(on, storableEvidence(verified, evidence), context.shared);
  await keepIma(on, received, grounded);
  await alertDivergingPolicy(on, verified, { host, policyId: result.policyId, now });
  await recordEpoch(verifier, on, { host, epoch: verified.statement.bundleEpoch, now });
  const standing = standingAfterEvidence(host, {
    verdict: result.verdict,
    resetCount: mark.resetCount,
  });
  const cause = 'evidence' as const;
  const id = randomUUID();
  const appraised: Appraised = { id, host, standing, result, cause, context, now };
  const signed = signResult(verifier, appraised);
  const audit: AuditLine[] = stateAudit(appraised);
  const common = {
    ...{ result: signed, state: standing.state, verdict: result.verdict },
    ...positionIn(grounded),
  };

  const starts: AnsweredStart[] = [];
  let answer: EvidenceAnswer | PermitsAnswer;
  if (purpose === 'permit') {
    const decided = await answerRequests(verifier, on, { appraised, verified });
    audit.push(...decided.audit);
    starts.push(...decided.starts);
    answer = { ...common, ...decided.given };
  } else {
    answer = { ...common, intervalSeconds: verifier.settings.intervalSeconds };
  }
  await recordAppraisal(on, { ...appraised, signed, answer });
  const { windows } = policy;
  const ended = await verifier.windows.count(on, { host, standing, result, windows, now });
  if (host.state === 'pending') await forgetOlderOfPending(on, host.id);
  await appendAudits(on, audit, now);
  const settling = settlingSeconds(verifier.settings.intervalSeconds);
  await exposeStarts(on, host, starts, { now, settlingSeconds: settling });
  if (verified.statement.schema === 'touchstone/statement/1') {
    return { kind: 'answered', answer, ended };
  }
  if (tellsOfGate) {
    const told = { host, state: standing.state, attestation: id, now, settlingSeconds: settling };
    await takeGateReport(on, told, verified.statement.gate);
  }
  const mandates = await mandatesFor(verifier, on, appraised);
  return { kind: 'answered', answer: { ...answer, mandates }, ended };
}

export function markOf({ attest }: Pick<VerifiedEvidence, 'attest'>): Mark {
  const { resetCount, restartCount, clock } = attest.clockInfo;
  return { resetCount: BigInt(resetCount), restartCount: BigInt(restartCount), clock };
}

function stateAudit({ host, standing, result }: Appraised): AuditLine[] {
  if (host.state === standing.state) return [];
  return [
    {
      actor: 'verifier',
      action: 'host.state',
      subject: host.name,
      detail: `${host.state} -> ${standing.state}: evidence ${result.evidence}, ${result.verdict}`,
    },
  ];
}

/** Evidence whose answer is not there any more, or never was one, counts as seen. */
async function storedAnswer(on: Queryable, evidence: DatedReference): Promise<object> {
  const answer = await answerToEvidence(on, evidence);
  if (answer === null) throw refusal('EVIDENCE_SUPERSEDED');
  return answer;
}

function olderAnswer({ database }: Verifier, older: Older): Promise<object> {
  if (older.kind === 'same') return storedAnswer(database, older.evidence);
  throw refusal(older.kind === 'rolled-back' ? 'TPM_ROLLED_BACK' : 'EVIDENCE_SUPERSEDED', {
    detail: older.detail,
  });
}
