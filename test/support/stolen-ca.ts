import { sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AkCertificate,
  akCertificateExtensions,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  keyIdOf,
  parseCertificate,
} from '@touchstone/endorsement';
import { issuingAuthorityOf } from './issuing-key.ts';
import type { Touchstone } from './touchstone.ts';

const DAY_MS = 86_400_000;

/** What is taken from a genuine certificate unless the thief wants otherwise. */
type Forgery = Partial<Pick<AkCertificate, 'ekRef' | 'class' | 'notBefore' | 'notAfter'>> & {
  readonly daysAgo?: number;
};

/** A certificate by the CA's own issuing key, as a thief has it who read both the key's file and its passphrase. */
export async function forge(
  { directory }: Touchstone,
  genuine: Pick<AkCertificate, 'akName' | 'akQualifiedName' | 'ekRef' | 'class' | 'spki'>,
  forgery: Forgery,
): Promise<string> {
  const { ekRef = genuine.ekRef, class: assuranceClass = genuine.class, daysAgo = 0 } = forgery;
  const { certificate, key } = await issuingAuthorityOf(join(directory, 'ca'));
  const issuer = parseCertificate(certificate);
  const config = await readFile(join(directory, 'ca/config.json'), 'utf8');
  const { publicUrl } = JSON.parse(config) as { publicUrl: string };
  const tbs = encodeTbsCertificate({
    ...{ serial: Uint8Array.of(0x66), signatureAlgorithm: 'ecdsa-sha256' },
    ...{ issuer: issuer.subject.encoded, subject: encodeName({ commonName: genuine.akName }) },
    notBefore: forgery.notBefore ?? new Date(Date.now() - 60_000 - daysAgo * DAY_MS),
    notAfter: forgery.notAfter ?? new Date(Date.now() + (1 - daysAgo) * DAY_MS),
    spki: genuine.spki,
    extensions: akCertificateExtensions({
      class: assuranceClass,
      ekRef: Buffer.from(ekRef, 'hex'),
      akQualifiedName: genuine.akQualifiedName,
      spki: genuine.spki,
      issuerKeyId: keyIdOf(issuer.spki),
      // A list that is out, and does not have it.
      crlUrl: `${publicUrl}/v1/crls/${keyIdOf(issuer.spki)}/1`,
    }),
  });
  return new X509Certificate(
    encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, key)),
  ).toString();
}
