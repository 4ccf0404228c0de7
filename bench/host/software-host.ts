import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { akCertificateExtensions, akQualifiedNameOf, encodeName } from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  BINDING_TEMPLATES,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  nameOf,
  type TpmtPublicEcc,
} from '@touchstone/tpm';
import { type Authority, issue } from './authority.ts';

/**
 * A host whose TPM is a key in our hands. To whoever verifies, it is like any other: ECDSA P-256 over a
 * TPMS_ATTEST, under a certificate that its CA's key has signed.
 */
export type SoftwareHost = {
  readonly id: string;
  readonly name: string;
  readonly ekRef: Uint8Array;
  readonly akPublic: TpmtPublicEcc;
  /** Lower-case hex. */
  readonly akName: string;
  readonly akKey: KeyObject;
  readonly akQualifiedName: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
  /** TPM2B_PUBLIC. */
  readonly bindingPublic: Uint8Array;
};

/** One for all: nobody but a CA sees it, and an AK's qualified name differs by the AK's own Name. */
const EK_PUBLIC = { ...EK_TEMPLATE_RSA2048, unique: randomBytes(256) };

export function newSoftwareHost(authority: Authority, name: string, now: Date): SoftwareHost {
  const { publicKey, privateKey: akKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // RFC 5480, 2.2: the point is what an uncompressed key's SubjectPublicKeyInfo ends with.
  const [x, y] = [spki.subarray(-64, -32), spki.subarray(-32)];
  const akPublic = { ...AK_TEMPLATE_ECC_P256, unique: { x, y } };
  const akName = Buffer.from(nameOf(akPublic)).toString('hex');
  const akQualifiedName = akQualifiedNameOf(EK_PUBLIC, akPublic);
  const ekRef = randomBytes(32);
  const certificate = issue(authority, {
    ...{ subject: encodeName({ commonName: akName }), spki, now },
    extensions: akCertificateExtensions({
      ...{ class: 'software', ekRef, akQualifiedName, spki, issuerKeyId: authority.keyId },
      ...(authority.crlUrl === undefined ? {} : { crlUrl: authority.crlUrl }),
    }),
  });
  const bindingPublic = encodeTpm2bPublic({ ...BINDING_TEMPLATES.sha256, unique: { x, y } });
  const id = randomUUID();
  return { id, name, ekRef, akPublic, akName, akKey, akQualifiedName, certificate, bindingPublic };
}
