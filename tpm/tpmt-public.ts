import { TPM_ALG_ECC, TPM_ALG_RSA, TPMA_OBJECT_DEFINED } from './constants.ts';
import { refuseAlgorithm } from './refuse-algorithm.ts';
import { type CurveName, curveOfId, curveOfName } from './curve.ts';
import { type BankName, bankAlgorithm, hashOfBank } from './hash.ts';
import { malformed } from './malformed.ts';
import {
  type EccScheme,
  type KdfScheme,
  readEccScheme,
  readHash,
  readKdfScheme,
  readRsaScheme,
  readSymmetric,
  type RsaScheme,
  type Symmetric,
  writeEccScheme,
  writeKdfScheme,
  writeRsaScheme,
  writeSymmetric,
} from './public-parameters.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

type PublicHeader = {
  readonly nameAlg: BankName;
  /** TPMA_OBJECT, as the 32 bits on the wire. */
  readonly objectAttributes: number;
  /** Empty, or a digest of nameAlg. */
  readonly authPolicy: Uint8Array;
};

export type TpmtPublicRsa = PublicHeader & {
  readonly type: 'rsa';
  readonly parameters: {
    readonly symmetric: Symmetric;
    readonly scheme: RsaScheme;
    readonly keyBits: 1024 | 2048 | 3072 | 4096;
    /** As on the wire, where 0 stands for 65537. */
    readonly exponent: number;
  };
  /** The modulus, big-endian; in a template empty or zeros. */
  readonly unique: Uint8Array;
};

export type TpmtPublicEcc = PublicHeader & {
  readonly type: 'ecc';
  readonly parameters: {
    readonly symmetric: Symmetric;
    readonly scheme: EccScheme;
    readonly curve: CurveName;
    readonly kdf: KdfScheme;
  };
  /** Big-endian; some TPMs leave leading zeros out; in a template empty or zeros. */
  readonly unique: { readonly x: Uint8Array; readonly y: Uint8Array };
};

/**
 * TPMT_PUBLIC: Part 2, 12.2.4. What is kept is what was on the wire: encoding a parsed public area gives
 * the same bytes, on which its Name depends.
 */
export type TpmtPublic = TpmtPublicRsa | TpmtPublicEcc;

/** A whole TPM2B_PUBLIC: Part 2, 12.2.5. Throws ParseError; no byte may follow. */
export function parseTpm2bPublic(bytes: Uint8Array): TpmtPublic {
  const outer = new Reader(bytes);
  const inner = outer.window(outer.u16('TPM2B_PUBLIC.size'), 'TPM2B_PUBLIC.publicArea');
  outer.end('TPM2B_PUBLIC');
  return readWhole(inner);
}

/** A whole TPMT_PUBLIC. Throws ParseError; keyedHash and symCipher objects are refused by name. */
export function parseTpmtPublic(bytes: Uint8Array): TpmtPublic {
  return readWhole(new Reader(bytes));
}

export function encodeTpmtPublic(pub: TpmtPublic): Uint8Array {
  const writer = new Writer()
    .u16(pub.type === 'rsa' ? TPM_ALG_RSA : TPM_ALG_ECC)
    .u16(bankAlgorithm(pub.nameAlg))
    .u32(pub.objectAttributes)
    .sized16(pub.authPolicy);
  writeSymmetric(writer, pub.parameters.symmetric);
  if (pub.type === 'rsa') {
    writeRsaScheme(writer, pub.parameters.scheme);
    writer.u16(pub.parameters.keyBits).u32(pub.parameters.exponent).sized16(pub.unique);
  } else {
    writeEccScheme(writer, pub.parameters.scheme);
    writer.u16(curveOfName(pub.parameters.curve).id);
    writeKdfScheme(writer, pub.parameters.kdf);
    writer.sized16(pub.unique.x).sized16(pub.unique.y);
  }
  return writer.finish();
}

export function encodeTpm2bPublic(pub: TpmtPublic): Uint8Array {
  return new Writer().sized16(encodeTpmtPublic(pub)).finish();
}

function readWhole(reader: Reader): TpmtPublic {
  const pub = readTpmtPublic(reader);
  reader.end('TPMT_PUBLIC');
  return pub;
}

function readTpmtPublic(reader: Reader): TpmtPublic {
  const typeOffset = reader.offset;
  const type = reader.u16('type');
  if (type !== TPM_ALG_RSA && type !== TPM_ALG_ECC) refuseAlgorithm(type, 'type', typeOffset);
  const nameAlg = readHash(reader, 'nameAlg');
  const objectAttributes = readAttributes(reader);
  const authPolicy = readSized(reader, 'authPolicy', hashOfBank(nameAlg).size);
  if (authPolicy.length !== 0 && authPolicy.length !== hashOfBank(nameAlg).size) {
    const offset = reader.offset - authPolicy.length;
    throw malformed('BAD_SIZE', 'authPolicy', offset, `no ${nameAlg} digest`);
  }
  const header = { nameAlg, objectAttributes, authPolicy };
  return type === TPM_ALG_RSA ? readRsa(reader, header) : readEcc(reader, header);
}

/** TPMA_OBJECT: Part 2, 8.3; a reserved bit that is set is no attribute we could have checked. */
function readAttributes(reader: Reader): number {
  const value = reader.u32('objectAttributes');
  const reserved = (value & ~TPMA_OBJECT_DEFINED) >>> 0;
  if (reserved === 0) return value;
  const detail = `0x${reserved.toString(16)}`;
  throw malformed('RESERVED_BITS', 'objectAttributes', reader.offset - 4, detail);
}

/** TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA: Part 2, 12.2.3.5 and 11.2.4.5. */
function readRsa(reader: Reader, header: PublicHeader): TpmtPublicRsa {
  const symmetric = readSymmetric(reader, 'parameters.symmetric');
  const scheme = readRsaScheme(reader, 'parameters.scheme');
  const keyBits = reader.u16('parameters.keyBits');
  if (keyBits !== 1024 && keyBits !== 2048 && keyBits !== 3072 && keyBits !== 4096) {
    const offset = reader.offset - 2;
    throw malformed('BAD_KEY_BITS', 'parameters.keyBits', offset, `RSA-${keyBits}`);
  }
  const exponent = reader.u32('parameters.exponent');
  const unique = readSized(reader, 'unique', keyBits / 8);
  const parameters = { symmetric, scheme, keyBits, exponent } as const;
  return { type: 'rsa', ...header, parameters, unique };
}

/** TPMS_ECC_PARMS and TPMS_ECC_POINT: Part 2, 12.2.3.6 and 11.2.5.2. */
function readEcc(reader: Reader, header: PublicHeader): TpmtPublicEcc {
  const symmetric = readSymmetric(reader, 'parameters.symmetric');
  const scheme = readEccScheme(reader, 'parameters.scheme');
  const curveOffset = reader.offset;
  const curve = curveOfId(reader.u16('parameters.curveID'), 'parameters.curveID', curveOffset);
  const kdf = readKdfScheme(reader, 'parameters.kdf');
  const x = readSized(reader, 'unique.x', curve.size);
  const y = readSized(reader, 'unique.y', curve.size);
  const parameters = { symmetric, scheme, curve: curve.name, kdf };
  return { type: 'ecc', ...header, parameters, unique: { x, y } };
}

function readSized(reader: Reader, field: string, limit: number): Uint8Array {
  const offset = reader.offset;
  const value = reader.sized16(field);
  if (value.length <= limit) return value;
  throw malformed('BAD_SIZE', field, offset, `${value.length} bytes, at most ${limit}`);
}
