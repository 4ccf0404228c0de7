import {
  akCertificateExtensions,
  ASSURANCE_CLASSES,
  checkAkPublic,
  encodeName,
} from '@touchstone/endorsement';
import { nameOf, parseTpmtPublic, publicKeyOf } from '@touchstone/tpm';
import { CustodyError } from './custody-error.ts';
import type { CustodyKey } from './custody.ts';
import type { AkSubject } from './issuance.ts';
import type { OwnCertificate } from './own-certificate.ts';
import { signCertificate, type SignedCertificate } from './sign-certificate.ts';
import { backdated, endWithin } from './validity.ts';

const VALID_DAYS = 7;

/**
 * An AK certificate of seven days, and of no more than its issuer has left. Whoever asks is another process:
 * the key's attributes and the lengths of all else are looked at once more.
 * @throws CustodyError ISSUANCE_REFUSED naming the field, ISSUER_EXPIRED
 */
export async function signAkCertificate(
  ak: AkSubject,
  by: { readonly certificate: OwnCertificate; readonly key: CustodyKey },
  { now, crlUrl }: { readonly now: Date; readonly crlUrl?: string },
): Promise<SignedCertificate> {
  const { certificate, key } = by;
  const validity = {
    notBefore: backdated(now),
    notAfter: endWithin(now, VALID_DAYS, certificate.notAfter),
  };
  const { akName, spki } = akKeyOf(ak);
  const refusal = (field: string) => new CustodyError('ISSUANCE_REFUSED', field);
  if (!ASSURANCE_CLASSES.includes(ak.class)) throw refusal('class');
  if (ak.ekRef.length !== 32) throw refusal('ekRef');
  if (ak.akQualifiedName.length !== nameLengthOf(akName)) throw refusal('akQualifiedName');
  const extensions = akCertificateExtensions({
    ...{ class: ak.class, ekRef: ak.ekRef, akQualifiedName: ak.akQualifiedName, spki },
    ...{ issuerKeyId: certificate.keyId, ...(crlUrl === undefined ? {} : { crlUrl }) },
    ...(ak.tpm !== undefined && { tpm: ak.tpm }),
  });
  const subject = encodeName({ commonName: akName });
  return signCertificate(
    { subject, issuer: certificate.subject, spki, ...validity, extensions },
    key,
  );
}

function akKeyOf({ akPublic }: AkSubject) {
  try {
    const area = parseTpmtPublic(akPublic);
    const [problem] = checkAkPublic(area);
    if (problem !== undefined) throw new RangeError(problem.code);
    const spki = publicKeyOf(area).export({ type: 'spki', format: 'der' });
    return { akName: Buffer.from(nameOf(area)).toString('hex'), spki };
  } catch (cause) {
    throw new CustodyError('ISSUANCE_REFUSED', 'akPublic', cause);
  }
}

/** A qualified name is made by the hash of the key's own nameAlg: TPM 2.0 Part 1, 16. */
const nameLengthOf = (akName: string) => akName.length / 2;
