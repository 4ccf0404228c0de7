import { type AttestHeader, readAttestHeader } from './attest-header.ts';
import { TPM_ST_ATTEST_QUOTE } from './constants.ts';
import { malformed } from './malformed.ts';
import { type PcrSelection, readTpmlPcrSelection } from './pcr-selection.ts';
import { Reader } from './reader.ts';

/** TPMS_ATTEST: Part 2, 10.12.12, with the TPMS_QUOTE_INFO of 10.12.4. A claim until its signature is verified. */
export type TpmsAttest = AttestHeader & {
  readonly type: 'quote';
  readonly quote: { readonly pcrSelect: PcrSelection; readonly pcrDigest: Uint8Array };
};

const DIGEST_SIZES: readonly number[] = [20, 32, 48, 64];

/**
 * A whole TPMS_ATTEST that is a quote. Throws ParseError:
 * - BAD_MAGIC: not TPM_GENERATED_VALUE, so not made by a TPM;
 * - NOT_A_QUOTE: another attestation, named in the message; UNKNOWN_TAG: none that we know;
 * - BAD_NAME, BAD_YES_NO, BAD_SIZE, TOO_MANY, DUPLICATE_BANK, UNKNOWN_ALGORITHM, TRUNCATED, TRAILING_BYTES.
 */
export function parseTpmsAttest(bytes: Uint8Array): TpmsAttest {
  const reader = new Reader(bytes);
  const header = readAttestHeader(reader, {
    type: TPM_ST_ATTEST_QUOTE,
    refusal: 'NOT_A_QUOTE',
    signer: 'named',
  });
  const pcrSelect = readTpmlPcrSelection(reader, 'attested.quote.pcrSelect');
  const pcrDigest = reader.sized16('attested.quote.pcrDigest');
  if (!DIGEST_SIZES.includes(pcrDigest.length)) {
    const offset = reader.offset - pcrDigest.length;
    throw malformed('BAD_SIZE', 'attested.quote.pcrDigest', offset);
  }
  reader.end('TPMS_ATTEST');
  return { ...header, type: 'quote', quote: { pcrSelect, pcrDigest } };
}
