import {
  evidenceDigestOf,
  type ParsedEvidence,
  type VerifiedEvidence,
} from '@touchstone/appraisal';
import type { Issuer, Revocation } from '@touchstone/endorsement';
import type { Evidence, EvidenceAnswer, PermitsAnswer } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { answerToEvidence, type DatedReference } from '../store/attestations.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { hostByAkName } from '../store/hosts.ts';
import { authenticEvidence, readEvidence } from './authenticate-evidence.ts';
import { requireKnownEpoch } from './bundle-epoch.ts';
import { settleWindows } from './end-window.ts';
import { requireChallenge } from './give-challenge.ts';
import { markOf } from './host-mark.ts';
import { issuersFor } from './issuer-standing.ts';
import { ImaRefusal } from './keep-ima.ts';
import { IssuersChanged, type Taken } from './mark-host.ts';
import type { Older } from './older-evidence.ts';
import { revocationFor } from './revocation-lists.ts';
import { type Outcome, settleEvidence } from './settle-evidence.ts';
import { settleAsUntrusted } from './unsettled-evidence.ts';
import type { Verifier } from './verifier.ts';

/** POST /v1/evidence. */
export const takeAttestation = (verifier: Verifier, evidence: Evidence) =>
  takeEvidence(verifier, 'attest', evidence) as Promise<EvidenceAnswer>;

/** POST /v1/permits. */
export const takePermitRequest = (verifier: Verifier, evidence: Evidence) =>
  takeEvidence(verifier, 'permit', evidence) as Promise<PermitsAnswer>;

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
    return await verifier.database.transaction((on) => settleEvidence(verifier, on, taken));
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
