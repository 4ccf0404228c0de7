import {
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  TPM_GENERATED_VALUE,
  TPM_ST_ATTEST_CERTIFY,
  TPM_ST_ATTEST_QUOTE,
  Writer,
} from '@touchstone/tpm';

const NAME = Uint8Array.of(0, 0x0b, ...new Uint8Array(32).fill(1));

const header = (type: number): Writer =>
  new Writer()
    .u32(TPM_GENERATED_VALUE)
    .u16(type)
    .sized16(NAME)
    .sized16(new Uint8Array(32).fill(2))
    .u64(123_456n)
    .u32(7)
    .u32(1)
    .u8(1)
    .u64(0x2020_0312_0011_2233n);

/** TPMS_ATTEST of a quote: Part 2, 10.12.12. Nobody signed it. */
export const QUOTE: Uint8Array = header(TPM_ST_ATTEST_QUOTE)
  .bytes(encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: [0, 1, 2, 3, 4, 5, 6, 7] }]))
  .sized16(new Uint8Array(32).fill(3))
  .finish();

export const CERTIFY: Uint8Array = header(TPM_ST_ATTEST_CERTIFY)
  .sized16(NAME)
  .sized16(NAME)
  .finish();

/** TPMT_SIGNATURE: Part 2, 11.3.4. */
export const SIGNATURE: Uint8Array = encodeTpmtSignature({
  sigAlg: 'ecdsa',
  hash: 'sha256',
  r: new Uint8Array(32).fill(4),
  s: new Uint8Array(32).fill(5),
});
