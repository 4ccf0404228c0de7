import { createHash } from 'node:crypto';
import type { TpmtPublic } from '@touchstone/tpm';
import type { Tpm } from 'node-tpm2-tss-bindings';

const TPM_CAP_TPM_PROPERTIES = 6;
/** TPM_PT_MANUFACTURER: Part 2, 6.13. */
const TPM_PT_MANUFACTURER = 0x105;

/** The letters that the TPM calls its maker by. They are its word, and good for a hint alone. */
export async function claimedMakerOf(tpm: Tpm): Promise<string> {
  const data = await tpm.getCapability(TPM_CAP_TPM_PROPERTIES, TPM_PT_MANUFACTURER, 1);
  // capability UINT32, count UINT32, property UINT32, value UINT32.
  return Buffer.from(data)
    .subarray(12, 16)
    .toString('latin1')
    .replaceAll(/[^\x21-\x7e]/gu, '');
}

/**
 * Where the maker of a firmware TPM publishes the certificate of that EK, for a person to fetch: made of the EK and a
 * host that is written down here, and asked for by nothing of ours. Intel: SHA-256 over modulus and exponent, or x and y.
 * AMD: the first half of SHA-256 over a tag, the exponent and the modulus, or a tag, x and y.
 */
export function certificateAddressOf(maker: string, ek: TpmtPublic): string | undefined {
  if (maker === 'INTC') {
    const digest = digestOf(...pointOr(ek, ({ unique }) => [unique, Buffer.from('010001', 'hex')]));
    const text = `${digest.toString('base64url')}=`;
    return `https://ekop.intel.com/ekcertservice/${encodeURIComponent(text)}`;
  }
  if (maker !== 'AMD') return undefined;
  const tag = Buffer.from(ek.type === 'rsa' ? '00002222' : '00004444', 'hex');
  const parts = pointOr(ek, ({ unique }) => [Buffer.from('00010001', 'hex'), unique]);
  const digest = digestOf(tag, ...parts).subarray(0, 16);
  return `https://ftpm.amd.com/pki/aia/${digest.toString('hex').toUpperCase()}`;
}

const pointOr = (
  ek: TpmtPublic,
  ofRsa: (ek: TpmtPublic & { readonly type: 'rsa' }) => readonly Uint8Array[],
): readonly Uint8Array[] => (ek.type === 'rsa' ? ofRsa(ek) : [ek.unique.x, ek.unique.y]);

function digestOf(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
