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

const EKREF_SECRET = Buffer.alloc(32, 7);
const DAY_MS = 86_400_000;

/** Whoever certifies AKs, with its key in our hands. */
export type MadeCa = {
  readonly name: Uint8Array;
  readonly spki: Uint8Array;
  readonly privateKey: KeyObject;
};

export const CA = makeCa('AK CA');
/** The one that comes after it. */
export const NEXT_CA = makeCa('next AK CA');

/** The one issuer of these tests. */
export const ISSUER = issuerOf(CA);
export const NEXT_ISSUER = issuerOf(NEXT_CA);

function makeCa(commonName: string): MadeCa {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return { name: encodeName({ commonName }), spki, privateKey };
}

function issuerOf(ca: MadeCa) {
  const { name: subject, spki } = ca;
  const extensions = issuerCertificateExtensions({ spki });
  const certificate = issue(ca, { subject, spki, extensions });
  return { keyId: keyIdOf(spki), certificate, state: 'active' } as const;
}

export const ISSUER_PEM = new X509Certificate(ISSUER.certificate).toString();
export const NEXT_ISSUER_PEM = new X509Certificate(NEXT_ISSUER.certificate).toString();

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
  by = CA,
): string {
  const spki = createPublicKey(ak.privateKey).export({ format: 'der', type: 'spki' });
  const extensions = akCertificateExtensions({
    class: assuranceClass,
    ekRef: ekRefOf(EKREF_SECRET, nameOf(ek)),
    akQualifiedName: akQualifiedNameOf(ek, ak.akPublic),
    spki,
    issuerKeyId: keyIdOf(by.spki),
  });
  const commonName = Buffer.from(nameOf(ak.akPublic)).toString('hex');
  const subject = encodeName({ commonName });
  const der = issue(by, { subject, spki, extensions, notBefore: validFrom });
  return new X509Certificate(der).toString();
}

type Issued = Pick<Parameters<typeof encodeTbsCertificate>[0], 'subject' | 'spki' | 'extensions'>;

function issue(
  { name, privateKey }: MadeCa,
  { notBefore = new Date(Date.now() - DAY_MS), ...issued }: Issued & { readonly notBefore?: Date },
): Uint8Array {
  const tbs = encodeTbsCertificate({
    ...issued,
    serial: Uint8Array.of(1, 2, 3),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: name,
    notBefore,
    notAfter: new Date(notBefore.getTime() + 8 * DAY_MS),
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey));
}
