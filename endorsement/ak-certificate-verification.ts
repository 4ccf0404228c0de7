import type { KeyObject } from 'node:crypto';
import { nameHexOf, publicKeyOf, ParseError, type TpmtPublic } from '@touchstone/tpm';
import type { AkCertificate } from './ak-certificate.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import { basicConstraints, keyUsage, subjectKeyId } from './extensions.ts';
import { REFUSED_ISSUER_REMEDY, type RefusalReason } from './codes.ts';
import type { Problem } from './problem.ts';
import { publicKeyOfSpki } from './public-key.ts';
import { type Revocation, revocationProblems } from './revocation.ts';

/** One entry of the flat list of issuers. `verify-only` issues no more and is still believed. */
export type Issuer = {
  /** The subjectKeyIdentifier of its certificate, hex. */
  readonly keyId: string;
  /** DER. Not to be changed in place: what was read from it is kept as long as it lives. */
  readonly certificate: Uint8Array;
  readonly state: 'active' | 'verify-only' | 'refused';
  /** Of one that is refused: why, where the list says so. */
  readonly reason?: RefusalReason;
};

export type AkCertificateInput = {
  readonly certificate: AkCertificate;
  readonly akPublic: TpmtPublic;
  readonly issuers: readonly Issuer[];
  /** Absent where the CA gives no revocation lists, as older versions of it do not. */
  readonly revocation?: Revocation | undefined;
  readonly now: Date;
};

/**
 * Whether an AK certificate is to be believed. No problem means that
 *
 * - its key and the TPM Name in it are those of the AK's public area;
 * - `now` lies within its validity and within its issuer's;
 * - the one issuer with its key identifier is on the list, not refused, a CA by its own certificate, and
 *   of the name that the AK certificate gives;
 * - that issuer's key signed it;
 * - the issuer's revocation list for it is there, still counts, and does not have it.
 *
 * No path is built: whom to believe is the list's to say. The same certificate comes with every evidence of
 * its host, so that what never changes of it, whose key it is for and which key signed it, is kept once it was
 * seen to be so; dates and the list are looked at each time.
 */
export function verifyAkCertificate(input: AkCertificateInput): Problem[] {
  const { certificate, akPublic, issuers, revocation, now } = input;
  return [
    ...keyProblems(certificate, akPublic),
    ...validityProblems(certificate, now),
    ...issuerProblems(certificate, issuers, now),
    ...(revocation === undefined ? [] : revocationProblems(certificate, revocation, now)),
  ];
}

/** By certificate, the public area whose key it was seen to be for. */
const seenToBeFor = new WeakMap<AkCertificate, TpmtPublic>();
/** By certificate, the issuer's key that was seen to have signed it. */
const seenSignedBy = new WeakMap<AkCertificate, KeyObject>();

function keyProblems(certificate: AkCertificate, akPublic: TpmtPublic): Problem[] {
  if (seenToBeFor.get(certificate) === akPublic) return [];
  const akName = nameHexOf(akPublic);
  const mismatch = { code: 'AK_CERT_KEY_MISMATCH', expected: akName } as const;
  if (certificate.akName !== akName) {
    return [{ ...mismatch, subject: 'akName', actual: certificate.akName }];
  }
  try {
    if (publicKeyOf(akPublic).equals(certificate.publicKey)) {
      seenToBeFor.set(certificate, akPublic);
      return [];
    }
    return [{ ...mismatch, subject: 'subjectPublicKeyInfo' }];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [{ ...mismatch, subject: error.field, actual: error.code }];
  }
}

function validityProblems({ notBefore, notAfter }: AkCertificate, now: Date): Problem[] {
  // Only a yes to both is a yes: an invalid Date compares false with everything.
  if (now >= notBefore && now <= notAfter) return [];
  const actual = Number.isNaN(now.getTime()) ? 'no time' : now.toISOString();
  return now < notBefore
    ? [
        {
          ...{ code: 'AK_CERT_NOT_YET_VALID', subject: 'notBefore' },
          ...{ expected: notBefore.toISOString(), actual },
        },
      ]
    : [
        {
          ...{ code: 'AK_CERT_EXPIRED', subject: 'notAfter' },
          ...{ expected: notAfter.toISOString(), actual },
        },
      ];
}

function issuerProblems(ak: AkCertificate, issuers: readonly Issuer[], now: Date): Problem[] {
  const subject = ak.issuerKeyId;
  const entries = issuers.filter(({ keyId }) => keyId === subject);
  const refused = entries.filter(({ state }) => state === 'refused');
  if (refused.length > 0) return [refusedIssuer(subject, refused)];
  const believed = entries.find(({ state }) => state === 'active' || state === 'verify-only');
  if (!believed) return [{ code: 'AK_CERT_ISSUER_UNKNOWN', subject }];

  const issuer = readIssuer(believed);
  const mayIssue =
    issuer !== undefined &&
    issuer.mayIssue &&
    issuer.keyId === subject &&
    issuer.name === ak.certificate.issuer.comparable &&
    now >= issuer.notBefore &&
    now <= issuer.notAfter;
  if (!mayIssue) return [{ code: 'AK_CERT_ISSUER_INVALID', subject }];
  if (seenSignedBy.get(ak) === issuer.key) return [];
  const signature = verifyCertificateSignature(ak.certificate, issuer.key);
  if (!signature.ok) {
    return [{ code: 'AK_CERT_SIGNATURE_INVALID', subject, actual: signature.code }];
  }
  seenSignedBy.set(ak, issuer.key);
  return [];
}

/** Of two reasons the graver is told. */
function refusedIssuer(subject: string, entries: readonly Issuer[]): Problem {
  const code = 'AK_CERT_ISSUER_REFUSED';
  const reasons = entries.flatMap(({ reason }) => reason ?? []);
  const reason = reasons.includes('compromised') ? 'compromised' : reasons[0];
  return reason === undefined
    ? { code, subject }
    : { code, subject, actual: reason, remedy: REFUSED_ISSUER_REMEDY[reason] };
}

type ReadIssuer = {
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly name: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly mayIssue: boolean;
  readonly maySignLists: boolean;
};

/** Reading an issuer costs more than the signature it checks; the same few come with every evidence. */
const read = new WeakMap<Uint8Array, ReadIssuer>();

export function readIssuer({ certificate: der }: Issuer): ReadIssuer | undefined {
  const known = read.get(der);
  if (known) return known;
  try {
    const issuer = describe(parseCertificate(der));
    read.set(der, issuer);
    return issuer;
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

function describe(certificate: Certificate): ReadIssuer {
  const isCa = basicConstraints(certificate)?.ca === true;
  const usage = keyUsage(certificate);
  return {
    key: publicKeyOfSpki(certificate.spki).key,
    keyId: subjectKeyId(certificate),
    name: certificate.subject.comparable,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    mayIssue: isCa && usage?.includes('keyCertSign') === true,
    maySignLists: isCa && usage?.includes('cRLSign') === true,
  };
}
