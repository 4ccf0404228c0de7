import {
  EK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  parseTpmtPublic,
  type TpmtPublic,
} from '@touchstone/tpm';
import type { Tpm } from 'node-tpm2-tss-bindings';
import { hex, type NvEk, refusalOf } from './ek-certificates.ts';

/**
 * The template that the TPM's maker left in NV, a TPMT_PUBLIC, with his nonce in `unique`: TCG EK Credential
 * Profile 2.5, 2.2.1.5.3 and B.3.2. Null where he left neither. What cannot be used goes into `why`.
 */
export async function ekTemplateOfNv(
  tpm: Tpm,
  { kind, nonceIndex, templateIndex }: NvEk,
  why: string[],
): Promise<TpmtPublic | null> {
  try {
    const stored = (await tpm.nvReadPublic(templateIndex)) !== null;
    if (!stored && nonceIndex === null) return null;
    const template = stored
      ? parseTpmtPublic(await tpm.nvRead(templateIndex))
      : kind === 'rsa-2048'
        ? EK_TEMPLATE_RSA2048
        : EK_TEMPLATE_ECC_P256;
    return nonceIndex === null ? template : withNonce(template, await tpm.nvRead(nonceIndex));
  } catch (error) {
    why.push(`${hex(templateIndex)}, its template: ${refusalOf(error)}`);
    return null;
  }
}

/** The nonce comes first in the modulus, or in x; zeros fill both up to their width. */
function withNonce(template: TpmtPublic, nonce: Uint8Array): TpmtPublic {
  if (template.type === 'rsa') {
    return { ...template, unique: filled(nonce, template.parameters.keyBits / 8) };
  }
  const width = EK_TEMPLATE_ECC_P256.unique.x.length;
  return { ...template, unique: { x: filled(nonce, width), y: new Uint8Array(width) } };
}

/** A nonce too long for its place stays what it is: the TPM says so. */
function filled(bytes: Uint8Array, width: number): Uint8Array {
  const whole = new Uint8Array(Math.max(width, bytes.length));
  whole.set(bytes);
  return whole;
}
