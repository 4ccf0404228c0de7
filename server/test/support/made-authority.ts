import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { X509Certificate } from 'node:crypto';
import {
  akCertificateExtensions,
  akQualifiedNameOf,
  type AssuranceClass,
  ekRefOf,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
} from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  nameOf,
  type TpmtPublic,
  type TpmtPublicEcc,
} from '@touchstone/tpm';

const CA_KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const CA_NAME = encodeName({ commonName: 'AK CA' });
const CA_SPKI = CA_KEYS.publicKey.export({ format: 'der', type: 'spki' });
const EKREF_SECRET = Buffer.alloc(32, 7);
const DAY_MS = 86_400_000;

/** The one issuer of these tests. */
export const ISSUER = {
  keyId: keyIdOf(CA_SPKI),
  certificate: issue(CA_NAME, CA_SPKI, issuerCertificateExtensions({ spki: CA_SPKI })),
  state: 'active',
} as const;

export const ISSUER_PEM = new X509Certificate(ISSUER.certificate).toString();

/** An EK, by a public area like a TPM's. */
export function makeEk(): TpmtPublic {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '' } = publicKey.export({ format: 'jwk' });
  return { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(n, 'base64url') };
}

/** An AK with the public area of a TPM's, and a private key in our hands. */
export type MadeAk = { readonly akPublic: TpmtPublicEcc; readonly privateKey: KeyObject };

export function makeAk(): MadeAk {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  return { akPublic: { ...AK_TEMPLATE_ECC_P256, unique }, privateKey };
}

/** The AK's certificate, PEM; `validFrom` is by default a day ago. */
export function certify(
  ek: TpmtPublic,
  ak: MadeAk,
  assuranceClass: AssuranceClass,
  validFrom = new Date(Date.now() - DAY_MS),
): string {
  const spki = createPublicKey(ak.privateKey).export({ format: 'der', type: 'spki' });
  const extensions = akCertificateExtensions({
    class: assuranceClass,
    ekRef: ekRefOf(EKREF_SECRET, nameOf(ek)),
    akQualifiedName: akQualifiedNameOf(ek, ak.akPublic),
    spki,
    issuerKeyId: ISSUER.keyId,
  });
  const commonName = Buffer.from(nameOf(ak.akPublic)).toString('hex');
  const der = issue(encodeName({ commonName }), spki, extensions, validFrom);
  return new X509Certificate(der).toString();
}

function issue(
  subject: Uint8Array,
  spki: Uint8Array,
  extensions: Parameters<typeof encodeTbsCertificate>[0]['extensions'],
  notBefore = new Date(Date.now() - DAY_MS),
): Uint8Array {
  const tbs = encodeTbsCertificate({
    serial: Uint8Array.of(1, 2, 3),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: CA_NAME,
    subject,
    notBefore,
    notAfter: new Date(notBefore.getTime() + 8 * DAY_MS),
    spki,
    extensions,
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, CA_KEYS.privateKey));
}
