import { type BankName, hashAlgorithm, ParseError } from '@touchstone/tpm';
import { type EventDigest, LAST_PCR } from '../log-event.ts';
import { isHashOf } from '../meaning/prove.ts';

/** What was extended: a PCR, an NV index (systemd's NvPCRs), a register of a confidential VM. */
export type CelRegister = { readonly kind: 'pcr' | 'nv' | 'cc'; readonly index: number };

/** TCG Canonical Event Log 1.0, 4.2. */
export type CelRecord = {
  /** By its place in the log. */
  readonly index: number;
  readonly register: CelRegister;
  /** Without those of algorithms not known here. */
  readonly digests: readonly EventDigest[];
  readonly content: CelContent;
  /**
   * `data`: in every bank that the record has a digest in, that is the hash of the content's `string` or `data`.
   * `label`: nothing covers it. systemd keys the digest of a volume key's string, so that it is a label.
   */
  readonly basis: 'data' | 'label';
};

export type CelContent =
  /** systemd, TPM2_PCR_MEASUREMENTS.md. `eventType`, `bootId` and `timestamp` are labels always. */
  | {
      readonly kind: 'systemd';
      readonly string?: string;
      readonly eventType?: string;
      readonly bootId?: string;
      /** Microseconds since boot. */
      readonly timestampUs?: number;
    }
  /** An event of the PC Client profile: CEL 1.0, 5.2. */
  | { readonly kind: 'pcclient'; readonly claimedType: number; readonly data: Uint8Array }
  /** Of a type that is not known here: its number or name. `data` where the encoding has it as bytes. */
  | { readonly kind: 'other'; readonly type: number | string; readonly data?: Uint8Array };

export type CelLimits = { readonly maxBytes: number; readonly maxRecords: number };

export const CEL_LIMITS: CelLimits = { maxBytes: 16 * 1024 * 1024, maxRecords: 65_536 };

const MAX_DIGESTS = 16;
const LAST_CC_REGISTER = 4;

/** Throws ParseError CEL_REGISTER for a PCR or register that does not exist. */
export function celRegister(
  kind: CelRegister['kind'],
  index: number,
  where: { readonly field: string; readonly offset: number },
): CelRegister {
  const last = kind === 'pcr' ? LAST_PCR : kind === 'cc' ? LAST_CC_REGISTER : 0xffff_ffff;
  if (!Number.isInteger(index) || index < 0 || index > last) {
    throw new ParseError('CEL_REGISTER', where.field, where.offset, `${kind} ${index}`);
  }
  return { kind, index };
}

/** Collects a record's digests. Throws DIGEST_COUNT, DIGEST_DUPLICATE, or SPEC_ID_DIGEST_SIZE for a length. */
export class Digests {
  readonly #found: EventDigest[] = [];
  #count = 0;

  add(
    bank: BankName | null,
    digest: Uint8Array,
    { field, offset }: { readonly field: string; readonly offset: number },
    size: number | null,
  ): void {
    this.#count += 1;
    if (this.#count > MAX_DIGESTS) throw new ParseError('DIGEST_COUNT', field, offset);
    if (size !== null && digest.length !== size) {
      throw new ParseError('SPEC_ID_DIGEST_SIZE', field, offset, `${digest.length} bytes`);
    }
    if (bank === null) return;
    if (this.#found.some((other) => other.bank === bank)) {
      throw new ParseError('DIGEST_DUPLICATE', field, offset, bank);
    }
    this.#found.push({ bank, digest });
  }

  finish(): readonly EventDigest[] {
    return this.#found;
  }
}

/** The bank with this TPM_ALG_ID, and how long its digests are; nulls for one not known here. */
export function bankOfAlgorithm(alg: number): { bank: BankName | null; size: number | null } {
  try {
    const { name, size } = hashAlgorithm(alg);
    return { bank: name, size };
  } catch (error) {
    if (error instanceof ParseError) return { bank: null, size: null };
    throw error;
  }
}

/** Whether the digests are the hash of one of these spellings of the content. */
export const celBasis = (
  digests: readonly EventDigest[],
  spellings: readonly Uint8Array[],
): CelRecord['basis'] =>
  spellings.some((bytes) => isHashOf({ digests }, bytes)) ? 'data' : 'label';
