import { type AttestHeader, readAttestHeader, readName } from './attest-header.ts';
import { TPM_ST_ATTEST_CERTIFY } from './constants.ts';
import { Reader } from './reader.ts';

/**
 * TPMS_ATTEST: Part 2, 10.12.12, with the TPMS_CERTIFY_INFO of 10.12.3. A claim until its signature is
 * verified, and a type apart from a quote's: neither can be given for the other.
 */
export type TpmsCertify = AttestHeader & {
  readonly type: 'certify';
  readonly certify: {
    /** The Name of the object: compare it with the Name computed from the public area at hand. */
    readonly name: Uint8Array;
    readonly qualifiedName: Uint8Array;
  };
};

/**
 * A whole TPMS_ATTEST that certifies an object. Throws ParseError:
 * - BAD_MAGIC: not TPM_GENERATED_VALUE, so not made by a TPM;
 * - NOT_A_CERTIFY: another attestation, named in the message; UNKNOWN_TAG: none that we know;
 * - BAD_NAME, BAD_YES_NO, BAD_SIZE, UNKNOWN_ALGORITHM, TRUNCATED, TRAILING_BYTES.
 *
 * Qualified Names may be empty, as some implementations leave them; compared with one that is known an
 * empty one never passes.
 */
export function parseTpmsCertify(bytes: Uint8Array): TpmsCertify {
  const reader = new Reader(bytes);
  const header = readAttestHeader(reader, {
    type: TPM_ST_ATTEST_CERTIFY,
    refusal: 'NOT_A_CERTIFY',
    signer: 'perhaps-unnamed',
  });
  const name = readName(reader, 'attested.certify.name', 'named');
  const qualifiedName = readName(reader, 'attested.certify.qualifiedName', 'perhaps-unnamed');
  reader.end('TPMS_ATTEST');
  return { ...header, type: 'certify', certify: { name, qualifiedName } };
}
