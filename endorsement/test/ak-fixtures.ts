import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  akCertificateExtensions,
  akQualifiedNameOf,
  type AssuranceClass,
  ekRefOf,
  encodeName,
  issuerCertificateExtensions,
  keyIdOf,
} from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  EK_TEMPLATE_RSA2048,
  nameOf,
  type TpmtPublicEcc,
  type TpmtPublicRsa,
} from '@touchstone/tpm';
import { type Made, makeCertificate, type MadeOptions } from './made-certificate.ts';
import { hex } from './support.ts';

/** An AK made outside a TPM: enough for all that is said about public areas and certificates. */
export function makeAk() {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = keys.publicKey.export({ format: 'jwk' });
  const octets = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'));
  const akPublic: TpmtPublicEcc = {
    ...AK_TEMPLATE_ECC_P256,
    unique: { x: octets(x), y: octets(y) },
  };
  return { keys, akPublic, akName: hex(nameOf(akPublic)) };
}

export function makeRsaAk() {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '' } = keys.publicKey.export({ format: 'jwk' });
  const unique = Uint8Array.from(Buffer.from(n, 'base64url'));
  const akPublic: TpmtPublicRsa = { ...AK_TEMPLATE_RSA2048, unique };
  return { keys, akPublic, akName: hex(nameOf(akPublic)) };
}

export function makeEkPublic(): TpmtPublicRsa {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '' } = publicKey.export({ format: 'jwk' });
  return { ...EK_TEMPLATE_RSA2048, unique: Uint8Array.from(Buffer.from(n, 'base64url')) };
}

export function makeIssuer(name: string, options: MadeOptions = {}): Made & { keyId: string } {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
  const extensions = issuerCertificateExtensions({ spki });
  const made = makeCertificate(name, { keys, extensions, ...options });
  return { ...made, keyId: keyIdOf(spki) };
}

/** What the CA would issue for `ak`, and what goes into it. */
export function makeAkCertificate(
  issuer: Made & { keyId: string },
  ak: ReturnType<typeof makeAk> | ReturnType<typeof makeRsaAk>,
  options: MadeOptions & { readonly class?: AssuranceClass } = {},
) {
  const ekPublic = makeEkPublic();
  const claims = {
    class: options.class ?? 'software',
    ekRef: ekRefOf(randomBytes(32), nameOf(ekPublic)),
    akQualifiedName: akQualifiedNameOf(ekPublic, ak.akPublic),
    spki: ak.keys.publicKey.export({ format: 'der', type: 'spki' }),
    issuerKeyId: issuer.keyId,
  } as const;
  const made = makeCertificate('ak', {
    ...{ issuer, keys: ak.keys, subject: encodeName({ commonName: ak.akName }) },
    extensions: akCertificateExtensions(claims),
    ...options,
  });
  return { ...made, claims };
}
