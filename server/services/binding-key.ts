import type { BindingKey } from '@touchstone/schemas';
import {
  BINDING_TEMPLATES,
  encodeTpmtPublic,
  hash,
  nameOf,
  ParseError,
  parseTpm2bPublic,
  parseTpmsCertify,
  parseTpmtSignature,
  publicKeyOf,
  qualifiedNameOf,
  TPM_ALG_SHA256,
  TPM_ALG_SHA384,
  TPM_ALG_SHA512,
  type TpmsCertify,
  type TpmtPublic,
  type TpmtPublicEcc,
  verifyTpmSignature,
} from '@touchstone/tpm';
import { refusal } from '../codes.ts';

const LABEL = Buffer.from('touchstone/binding/1\0', 'utf8');

/** What the enrolment has proved of the AK, and the challenge of its evidence. */
export type Certifier = {
  readonly akPublic: TpmtPublic;
  /** From the CA's certificate: computed there, from the EK. */
  readonly akQualifiedName: Uint8Array;
  readonly challenge: Uint8Array;
};

/**
 * The TPM2B_PUBLIC of a binding key, DESIGN 4, Enrol 4. Once it is given back,
 *
 * - the AK certified, in answer to this challenge, an object of exactly this public area;
 * - the object's parent is the AK's parent: the Qualified Name that the host sends for it makes, with the AK's
 *   Name, the one that the CA computed, and with the object's Name the one that the TPM certified;
 * - it is the one template for a parent of that nameAlg, but for its point, which is on the curve.
 *
 * @throws AppError BINDING_KEY_*; ParseError for bytes that are no such structure
 */
export function certifiedBindingKey(binding: BindingKey, certifier: Certifier): Uint8Array {
  const publicBytes = Buffer.from(binding.public, 'base64url');
  const attest = Buffer.from(binding.attest, 'base64url');
  const bindingPublic = parseTpm2bPublic(publicBytes);
  const certification = parseTpmsCertify(attest);
  requireCertified(certification, {
    ...{ certifier, bindingPublic, attest },
    signature: Buffer.from(binding.signature, 'base64url'),
  });
  const parent = Buffer.from(binding.parentQualifiedName, 'hex');
  requireSiblings(certification, { certifier, bindingPublic, parent });
  requireTemplate(bindingPublic, parent);
  return publicBytes;
}

function requireCertified(
  { qualifiedSigner, extraData, certify }: TpmsCertify,
  made: {
    readonly certifier: Certifier;
    readonly bindingPublic: TpmtPublic;
    readonly attest: Uint8Array;
    readonly signature: Uint8Array;
  },
): void {
  const { akPublic, akQualifiedName, challenge } = made.certifier;
  const verdict = verifyTpmSignature({
    publicArea: akPublic,
    signature: parseTpmtSignature(made.signature),
    message: made.attest,
  });
  if (!verdict.ok) throw refusal('BINDING_KEY_NOT_CERTIFIED', { detail: verdict.code });
  if (!same(qualifiedSigner, akQualifiedName)) {
    throw refusal('BINDING_KEY_NOT_CERTIFIED', { detail: 'qualifiedSigner' });
  }
  if (!same(certify.name, nameOf(made.bindingPublic))) {
    throw refusal('BINDING_KEY_NOT_CERTIFIED', { detail: 'name' });
  }
  if (!same(extraData, hash('sha256', LABEL, challenge))) throw refusal('BINDING_KEY_STALE');
}

function requireSiblings(
  { certify }: TpmsCertify,
  made: {
    readonly certifier: Certifier;
    readonly bindingPublic: TpmtPublic;
    readonly parent: Uint8Array;
  },
): void {
  const { akPublic, akQualifiedName } = made.certifier;
  const ofAk = qualifiedNameOf(made.parent, akPublic);
  const ofBinding = qualifiedNameOf(made.parent, made.bindingPublic);
  if (same(ofAk, akQualifiedName) && same(ofBinding, certify.qualifiedName)) return;
  throw refusal('BINDING_KEY_PARENT');
}

/** A Qualified Name begins with the nameAlg of its object: here, of the EK. Part 1, 16. */
function requireTemplate(bindingPublic: TpmtPublic, parent: Uint8Array): void {
  const template = TEMPLATE_UNDER.get(Buffer.from(parent).readUInt16BE(0));
  const madeByIt =
    template !== undefined &&
    bindingPublic.type === 'ecc' &&
    same(
      encodeTpmtPublic({ ...bindingPublic, unique: template.unique }),
      encodeTpmtPublic(template),
    );
  if (!madeByIt) throw refusal('BINDING_KEY_ATTRIBUTES');
  try {
    publicKeyOf(bindingPublic);
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw refusal('BINDING_KEY_POINT', { cause });
  }
}

const TEMPLATE_UNDER = new Map<number, TpmtPublicEcc>([
  [TPM_ALG_SHA256, BINDING_TEMPLATES.sha256],
  [TPM_ALG_SHA384, BINDING_TEMPLATES.sha384],
  [TPM_ALG_SHA512, BINDING_TEMPLATES.sha512],
]);

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
