import { TpmError } from './tpm-error.ts';

export interface PcrId {
  /** TPM_ALG_ID of the bank. */
  readonly bank: number;
  readonly pcr: number;
}

const COMMAND = 'TPML_PCR_SELECTION';

/** TPML_PCR_SELECTION: Part 2, 10.9.7. In its order, none twice. */
export function readPcrSelection(wire: Uint8Array): PcrId[] {
  const bytes = Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength);
  const found = new Map<string, PcrId>();
  let offset = 0;
  const take = (length: number) => {
    if (offset + length > bytes.length) throw new TpmError('TPM_MISUSE', COMMAND, 'truncated');
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  const count = take(4).readUInt32BE();
  for (let index = 0; index < count; index++) {
    const bank = take(2).readUInt16BE();
    for (const [octet, bits] of take(take(1).readUInt8()).entries()) {
      for (let bit = 0; bit < 8; bit++) {
        const pcr = octet * 8 + bit;
        if ((bits & (1 << bit)) !== 0) found.set(pcrKey({ bank, pcr }), { bank, pcr });
      }
    }
  }
  if (offset !== bytes.length) throw new TpmError('TPM_MISUSE', COMMAND, 'trailing bytes');
  return [...found.values()];
}

/** Three octets a bank, as PC Client platforms want at least (sizeofSelect). */
export function encodePcrSelection(pcrs: readonly PcrId[]): Buffer {
  const banks = new Map<number, Uint8Array>();
  for (const { bank, pcr } of pcrs) {
    const bitmap = banks.get(bank) ?? new Uint8Array(3);
    bitmap[pcr >> 3] = (bitmap[pcr >> 3] ?? 0) | (1 << (pcr & 7));
    banks.set(bank, bitmap);
  }
  const wire = Buffer.alloc(4 + banks.size * 6);
  wire.writeUInt32BE(banks.size);
  let offset = 4;
  for (const [bank, bitmap] of banks) {
    wire.writeUInt16BE(bank, offset);
    wire.writeUInt8(bitmap.length, offset + 2);
    wire.set(bitmap, offset + 3);
    offset += 6;
  }
  return wire;
}

export function pcrKey({ bank, pcr }: PcrId): string {
  return `${bank}:${pcr}`;
}
