import { TPM_ALG_ECDSA, TPM_ALG_RSAPSS, TPM_ALG_RSASSA } from './constants.ts';
import { refuseAlgorithm } from './refuse-algorithm.ts';
import { type BankName, bankAlgorithm } from './hash.ts';
import { malformed } from './malformed.ts';
import { readHash } from './public-parameters.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/** TPMT_SIGNATURE: Part 2, 11.3.4. What it names is the signer's claim; the key's own scheme decides. */
export type TpmtSignature =
  | {
      readonly sigAlg: 'ecdsa';
      readonly hash: BankName;
      readonly r: Uint8Array;
      readonly s: Uint8Array;
    }
  | { readonly sigAlg: 'rsassa' | 'rsapss'; readonly hash: BankName; readonly sig: Uint8Array };

/** MAX_RSA_KEY_BYTES for RSA-4096, MAX_ECC_KEY_BYTES for P-521. */
const MAX_RSA_BYTES = 512;
const MAX_ECC_BYTES = 66;

/** A whole TPMT_SIGNATURE. Throws ParseError; every other scheme is refused by name. */
export function parseTpmtSignature(bytes: Uint8Array): TpmtSignature {
  const reader = new Reader(bytes);
  const signature = readTpmtSignature(reader);
  reader.end('TPMT_SIGNATURE');
  return signature;
}

export function encodeTpmtSignature(signature: TpmtSignature): Uint8Array {
  const writer = new Writer();
  switch (signature.sigAlg) {
    case 'ecdsa':
      writer.u16(TPM_ALG_ECDSA).u16(bankAlgorithm(signature.hash));
      return writer.sized16(signature.r).sized16(signature.s).finish();
    case 'rsassa':
    case 'rsapss':
      writer.u16(signature.sigAlg === 'rsassa' ? TPM_ALG_RSASSA : TPM_ALG_RSAPSS);
      return writer.u16(bankAlgorithm(signature.hash)).sized16(signature.sig).finish();
  }
}

function readTpmtSignature(reader: Reader): TpmtSignature {
  const sigAlg = reader.u16('sigAlg');
  switch (sigAlg) {
    case TPM_ALG_ECDSA: {
      const hash = readHash(reader, 'signature.hash');
      const r = readBounded(reader, 'signature.signatureR', MAX_ECC_BYTES);
      const s = readBounded(reader, 'signature.signatureS', MAX_ECC_BYTES);
      return { sigAlg: 'ecdsa', hash, r, s };
    }
    case TPM_ALG_RSASSA:
    case TPM_ALG_RSAPSS: {
      const hash = readHash(reader, 'signature.hash');
      const sig = readBounded(reader, 'signature.sig', MAX_RSA_BYTES);
      return { sigAlg: sigAlg === TPM_ALG_RSASSA ? 'rsassa' : 'rsapss', hash, sig };
    }
    default:
      return refuseAlgorithm(sigAlg, 'sigAlg', 0);
  }
}

function readBounded(reader: Reader, field: string, limit: number): Uint8Array {
  const offset = reader.offset;
  const value = reader.sized16(field);
  if (value.length > 0 && value.length <= limit) return value;
  throw malformed('BAD_SIZE', field, offset, `${value.length} bytes, 1 to ${limit}`);
}
