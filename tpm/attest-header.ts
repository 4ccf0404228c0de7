import * as constants from './constants.ts';
import { hashAlgorithm } from './hash.ts';
import { malformed } from './malformed.ts';
import { Reader } from './reader.ts';

/** TPMS_CLOCK_INFO: Part 2, 10.11.1. */
export type ClockInfo = {
  /** Milliseconds in which the TPM had power, since it was last cleared. */
  readonly clock: bigint;
  /** TPM resets since it was last cleared; each boot counts one. */
  readonly resetCount: number;
  /** TPM restarts and resumes since the last reset. */
  readonly restartCount: number;
  /** Whether `clock` is known not to have been reported higher before. */
  readonly safe: boolean;
};

/** What every TPMS_ATTEST begins with, its type apart: Part 2, 10.12.12. */
export type AttestHeader = {
  readonly magic: number;
  readonly qualifiedSigner: Uint8Array;
  readonly extraData: Uint8Array;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
};

/** The one attestation that a caller takes; every other is refused by `refusal`. */
type Wanted = {
  readonly type: number;
  readonly refusal: 'NOT_A_QUOTE' | 'NOT_A_CERTIFY';
  readonly signer: 'named' | 'perhaps-unnamed';
};

/** TPM2B_DATA holds at most a TPMT_HA: Part 2, 10.4.3. */
const MAX_EXTRA_DATA = 2 + 64;

const attestNames = new Map<number, string>(
  Object.entries(constants).flatMap(([name, value]) =>
    name.startsWith('TPM_ST_ATTEST_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

/**
 * Magic and type are looked at first: whoever wants a quote is never given anything read from another
 * attestation. Throws ParseError BAD_MAGIC, the refusal, UNKNOWN_TAG and those of the fields.
 */
export function readAttestHeader(reader: Reader, wanted: Wanted): AttestHeader {
  const magic = reader.u32('magic');
  if (magic !== constants.TPM_GENERATED_VALUE) {
    throw malformed('BAD_MAGIC', 'magic', 0, `0x${magic.toString(16).padStart(8, '0')}`);
  }
  requireType(reader.u16('type'), wanted);
  const qualifiedSigner = readName(reader, 'qualifiedSigner', wanted.signer);
  const extraData = reader.sized16('extraData');
  if (extraData.length > MAX_EXTRA_DATA) {
    const offset = reader.offset - extraData.length;
    throw malformed('BAD_SIZE', 'extraData', offset, `${extraData.length} bytes`);
  }
  const clockInfo = readClockInfo(reader);
  const firmwareVersion = reader.u64('firmwareVersion');
  return { magic, qualifiedSigner, extraData, clockInfo, firmwareVersion };
}

/**
 * TPM2B_NAME of a key: nameAlg and a digest of it. A handle is none; nothing at all is one only where the
 * caller says so.
 */
export function readName(
  reader: Reader,
  field: string,
  kind: 'named' | 'perhaps-unnamed',
): Uint8Array {
  const name = reader.sized16(field);
  if (name.length === 0 && kind === 'perhaps-unnamed') return name;
  const offset = reader.offset - name.length;
  if (name.length < 2) throw malformed('BAD_NAME', field, offset);
  const nameAlg = new Reader(name).u16(field);
  if (name.length !== 2 + hashAlgorithm(nameAlg, field, offset).size) {
    throw malformed('BAD_NAME', field, offset, `${name.length} bytes`);
  }
  return name;
}

function requireType(type: number, { type: wanted, refusal }: Wanted): void {
  if (type === wanted) return;
  const name = attestNames.get(type);
  if (name !== undefined) throw malformed(refusal, 'type', 4, name);
  throw malformed('UNKNOWN_TAG', 'type', 4, `0x${type.toString(16).padStart(4, '0')}`);
}

function readClockInfo(reader: Reader): ClockInfo {
  const clock = reader.u64('clockInfo.clock');
  const resetCount = reader.u32('clockInfo.resetCount');
  const restartCount = reader.u32('clockInfo.restartCount');
  // TPMI_YES_NO: Part 2, 9.2. Any value but 0 and 1 is an error, not a yes.
  const safe = reader.u8('clockInfo.safe');
  if (safe > 1) {
    throw malformed('BAD_YES_NO', 'clockInfo.safe', reader.offset - 1, `${safe}`);
  }
  return { clock, resetCount, restartCount, safe: safe === 1 };
}
