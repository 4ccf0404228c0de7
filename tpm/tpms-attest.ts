import * as constants from './constants.ts';
import { hashAlgorithm } from './hash.ts';
import { malformed } from './malformed.ts';
import { type PcrSelection, readTpmlPcrSelection } from './pcr-selection.ts';
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

/** TPMS_ATTEST: Part 2, 10.12.12, with the TPMS_QUOTE_INFO of 10.12.4. A claim until its signature is verified. */
export type TpmsAttest = {
  readonly magic: number;
  readonly type: 'quote';
  readonly qualifiedSigner: Uint8Array;
  readonly extraData: Uint8Array;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
  readonly quote: { readonly pcrSelect: PcrSelection; readonly pcrDigest: Uint8Array };
};

/** TPM2B_DATA holds at most a TPMT_HA: Part 2, 10.4.3. */
const MAX_EXTRA_DATA = 2 + 64;
const DIGEST_SIZES: readonly number[] = [20, 32, 48, 64];

const attestNames = new Map<number, string>(
  Object.entries(constants).flatMap(([name, value]) =>
    name.startsWith('TPM_ST_ATTEST_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

/**
 * A whole TPMS_ATTEST that is a quote. Throws ParseError:
 * - BAD_MAGIC: not TPM_GENERATED_VALUE, so not made by a TPM;
 * - NOT_A_QUOTE: another attestation, named in the message; UNKNOWN_TAG: none that we know;
 * - BAD_NAME, BAD_YES_NO, BAD_SIZE, TOO_MANY, DUPLICATE_BANK, UNKNOWN_ALGORITHM, TRUNCATED, TRAILING_BYTES.
 */
export function parseTpmsAttest(bytes: Uint8Array): TpmsAttest {
  const reader = new Reader(bytes);
  const magic = reader.u32('magic');
  if (magic !== constants.TPM_GENERATED_VALUE) {
    throw malformed('BAD_MAGIC', 'magic', 0, `0x${magic.toString(16).padStart(8, '0')}`);
  }
  requireQuote(reader.u16('type'));
  const qualifiedSigner = readSignerName(reader);
  const extraData = reader.sized16('extraData');
  if (extraData.length > MAX_EXTRA_DATA) {
    const offset = reader.offset - extraData.length;
    throw malformed('BAD_SIZE', 'extraData', offset, `${extraData.length} bytes`);
  }
  const clockInfo = readClockInfo(reader);
  const firmwareVersion = reader.u64('firmwareVersion');
  const pcrSelect = readTpmlPcrSelection(reader, 'attested.quote.pcrSelect');
  const pcrDigest = reader.sized16('attested.quote.pcrDigest');
  if (!DIGEST_SIZES.includes(pcrDigest.length)) {
    const offset = reader.offset - pcrDigest.length;
    throw malformed('BAD_SIZE', 'attested.quote.pcrDigest', offset);
  }
  reader.end('TPMS_ATTEST');
  const quote = { pcrSelect, pcrDigest };
  return { magic, type: 'quote', qualifiedSigner, extraData, clockInfo, firmwareVersion, quote };
}

function requireQuote(type: number): void {
  if (type === constants.TPM_ST_ATTEST_QUOTE) return;
  const name = attestNames.get(type);
  if (name !== undefined) throw malformed('NOT_A_QUOTE', 'type', 4, name);
  throw malformed('UNKNOWN_TAG', 'type', 4, `0x${type.toString(16).padStart(4, '0')}`);
}

/** The Qualified Name of a key: nameAlg and a digest of it. A handle or nothing signs no quote. */
function readSignerName(reader: Reader): Uint8Array {
  const name = reader.sized16('qualifiedSigner');
  const offset = reader.offset - name.length;
  if (name.length < 2) throw malformed('BAD_NAME', 'qualifiedSigner', offset);
  const nameAlg = new Reader(name).u16('qualifiedSigner');
  if (name.length !== 2 + hashAlgorithm(nameAlg, 'qualifiedSigner', offset).size) {
    throw malformed('BAD_NAME', 'qualifiedSigner', offset, `${name.length} bytes`);
  }
  return name;
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
