import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
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
  parseAkCertificate,
  type TpmDescription,
} from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  nameOf,
  type TpmtPublicEcc,
} from '@touchstone/tpm';

/** Keys are made once: what is tested here is what is done with them. */
const { n: EK_MODULUS = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export(
  {
    format: 'jwk',
  },
);
const CA_KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const CA_NAME = encodeName({ commonName: 'AK CA' });

export const NOW = new Date('2026-11-22T12:00:00Z');
const DAY_MS = 86_400_000;

export const EK_PUBLIC = { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(EK_MODULUS, 'base64url') };

/** An AK with the public area of a TPM's, and a private key in our hands. */
export type MadeAk = { readonly akPublic: TpmtPublicEcc; readonly privateKey: KeyObject };

export function makeAk(changed: Partial<TpmtPublicEcc> = {}): MadeAk {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  return { akPublic: { ...AK_TEMPLATE_ECC_P256, unique, ...changed }, privateKey };
}

const caSpki = CA_KEYS.publicKey.export({ format: 'der', type: 'spki' });

/** The one issuer of these tests. */
export const ISSUER = {
  keyId: keyIdOf(caSpki),
  certificate: issue(CA_NAME, caSpki, issuerCertificateExtensions({ spki: caSpki })),
  state: 'active',
} as const;

export function certify(
  ak: MadeAk,
  assuranceClass: AssuranceClass = 'software',
  tpm?: TpmDescription,
) {
  const spki = createPublicKey(ak.privateKey).export({ format: 'der', type: 'spki' });
  const extensions = akCertificateExtensions({
    class: assuranceClass,
    ekRef: ekRefOf(Buffer.alloc(32, 7), nameOf(EK_PUBLIC)),
    akQualifiedName: akQualifiedNameOf(EK_PUBLIC, ak.akPublic),
    spki,
    issuerKeyId: ISSUER.keyId,
    ...(tpm && { tpm }),
  });
  const commonName = Buffer.from(nameOf(ak.akPublic)).toString('hex');
  return parseAkCertificate(issue(encodeName({ commonName }), spki, extensions));
}

function issue(
  subject: Uint8Array,
  spki: Uint8Array,
  extensions: Parameters<typeof encodeTbsCertificate>[0]['extensions'],
): Uint8Array {
  const tbs = encodeTbsCertificate({
    serial: Uint8Array.of(1, 2, 3),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: CA_NAME,
    subject,
    notBefore: new Date(NOW.getTime() - DAY_MS),
    notAfter: new Date(NOW.getTime() + DAY_MS),
    spki,
    extensions,
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, CA_KEYS.privateKey));
}
