import { type BootCounters, LicenceClaims, type TrustBundle } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { readSignedClaims } from './signed-claims.ts';

const readLicence = (token: string, bundle: TrustBundle): Promise<LicenceClaims> =>
  readSignedClaims(token, bundle, { typ: 'touchstone-licence+jwt', schema: LicenceClaims });

/** The counters of the evidence that it stands on. @throws Error where it is none */
export const bootOfLicence = async (token: string, bundle: TrustBundle): Promise<BootCounters> =>
  (await readLicence(token, bundle))['touchstone.boot'];

/** Whether those counters were reached after the others, by one TPM. */
export function isLater(boot: BootCounters, than: BootCounters | null): boolean {
  if (than === null) return true;
  if (boot.resetCount !== than.resetCount) return boot.resetCount > than.resetCount;
  if (boot.restartCount !== than.restartCount) return boot.restartCount > than.restartCount;
  return BigInt(boot.clock) > BigInt(than.clock);
}

/** What the TPM that holds the AK shows now. */
export type ClockNow = {
  readonly resetCount: number;
  readonly restartCount: number;
  readonly clock: bigint;
};

export type LicenceQuestion = {
  readonly vm: string;
  readonly definitionDigest: string;
  readonly hostId: string;
  readonly akName: string;
  readonly now: ClockNow;
  /** The counters of the evidence, or of the time, up to which something negative was heard. */
  readonly voided: BootCounters | null;
};

/**
 * What a standing licence proves once this returns:
 *
 * - a permit key of the trust bundle signed it, as a licence and for the bundle's issuer;
 * - it is for this host and its AK, this VM and this very definition;
 * - the TPM has been neither reset nor resumed since the evidence that it stands on, and its time has not passed;
 * - nothing negative was heard of this host since that evidence.
 *
 * @throws AppError LICENCE_VOID
 */
export async function verifyLicence(
  token: string,
  bundle: TrustBundle,
  question: LicenceQuestion,
): Promise<LicenceClaims> {
  const claims = await readLicence(token, bundle).catch((cause: unknown) => {
    throw isVoid(cause instanceof Error ? cause.message : 'unknown', cause);
  });
  const why = reasonAgainst(claims, question);
  if (why !== null) throw isVoid(`licence ${claims.jti}: ${why}`);
  return claims;
}

function reasonAgainst(claims: LicenceClaims, question: LicenceQuestion): string | null {
  const { now, voided } = question;
  const boot = claims['touchstone.boot'];
  const until = claims['touchstone.until'];
  if (claims.aud !== question.akName) return 'for another AK';
  if (claims['touchstone.host'] !== question.hostId) return 'for another host';
  if (claims['touchstone.vm'] !== question.vm) return 'for another VM';
  if (claims['touchstone.definition'] !== question.definitionDigest)
    return 'for another definition of the VM';
  if (boot.resetCount !== now.resetCount) return 'of another boot';
  if (boot.restartCount !== now.restartCount) return 'from before the host slept';
  if (BigInt(boot.clock) > now.clock) return 'from ahead of the TPM’s clock';
  if (isVoidedBy(voided, boot)) return 'the host was found not to be trusted since';
  if (claims['touchstone.mode'] === 'allow-if-attested-within' && until === null)
    return 'without the time that its mode has';
  if (until !== null && now.clock > BigInt(until)) return 'its time has passed';
  return null;
}

/** Whether what was heard then was heard of evidence as late as this, or later. */
const isVoidedBy = (voided: BootCounters | null, boot: BootCounters): boolean =>
  voided !== null &&
  voided.resetCount === boot.resetCount &&
  voided.restartCount === boot.restartCount &&
  BigInt(boot.clock) <= BigInt(voided.clock);

const isVoid = (detail: string, cause?: unknown) =>
  agentError('LICENCE_VOID', { detail, ...(cause === undefined ? {} : { cause }) });
