import {
  akCertificateExtensions,
  type AssuranceClass,
  encodeName,
  type TpmDescription,
} from '@touchstone/endorsement';
import { nameOf, publicKeyOf, type TpmtPublic } from '@touchstone/tpm';
import type { Authority } from './authority.ts';
import { signCertificate } from './sign-certificate.ts';

const VALID_MS = 7 * 86_400_000;
/** Clocks of those who verify may be behind. */
const BACKDATED_MS = 300_000;

/** What the CA found out itself about an AK that was activated. Nothing in it is the host's word. */
export type AkClaims = {
  readonly akPublic: TpmtPublic;
  readonly akQualifiedName: Uint8Array;
  readonly class: AssuranceClass;
  readonly ekRef: Uint8Array;
  readonly tpm?: TpmDescription;
};

export type IssuedAkCertificate = {
  readonly der: Uint8Array;
  readonly serial: Uint8Array;
  readonly issuerKeyId: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/**
 * An AK certificate of seven days, and of no more than its issuer has left. Throws RangeError if that is
 * nothing.
 */
export async function issueAkCertificate(
  claims: AkClaims,
  authority: Pick<Authority, 'issuing' | 'issuingKey'>,
  now: Date,
): Promise<IssuedAkCertificate> {
  const { issuing, issuingKey } = authority;
  const lastMs = Math.min(now.getTime() + VALID_MS, issuing.notAfter.getTime());
  if (!(lastMs > now.getTime())) throw new RangeError('the issuing CA has expired');
  const notBefore = wholeSecond(now.getTime() - BACKDATED_MS);
  const notAfter = wholeSecond(lastMs);
  const spki = publicKeyOf(claims.akPublic).export({ type: 'spki', format: 'der' });
  const akName = Buffer.from(nameOf(claims.akPublic)).toString('hex');
  const { der, serial } = await signCertificate(
    {
      subject: encodeName({ commonName: akName }),
      ...{ issuer: issuing.subject, spki, notBefore, notAfter },
      extensions: akCertificateExtensions({
        class: claims.class,
        ekRef: claims.ekRef,
        akQualifiedName: claims.akQualifiedName,
        ...(claims.tpm !== undefined && { tpm: claims.tpm }),
        spki,
        issuerKeyId: issuing.keyId,
      }),
    },
    issuingKey,
  );
  return { der, serial, issuerKeyId: issuing.keyId, notBefore, notAfter };
}

/** Certificates know no fractions; what is recorded is what they say. */
const wholeSecond = (ms: number) => new Date(Math.floor(ms / 1_000) * 1_000);
