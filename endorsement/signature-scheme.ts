import { ParseError } from '@touchstone/tpm';
import { contextConstructed, DER, DerReader, type DerValue } from './der-reader.ts';
import { readOid, readSmallInteger } from './der-types.ts';
import { NULL } from './der-writer.ts';

/** Named as node:crypto knows it. */
export type SignatureHash = keyof typeof HASHES;

/** What an AlgorithmIdentifier of a signature says. */
export type SignatureScheme =
  | { readonly scheme: 'rsassa' | 'ecdsa'; readonly hash: SignatureHash }
  /** The mask's hash is the same one. */
  | { readonly scheme: 'rsapss'; readonly hash: SignatureHash; readonly saltLength: number };

export type AlgorithmIdentifier = {
  readonly oid: string;
  readonly parameters: Uint8Array | null;
};

/** Hashes by themselves: NIST's Computer Security Objects Register, RFC 4055, 2.1. */
const HASHES = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
  'sha3-256': '2.16.840.1.101.3.4.2.8',
  'sha3-384': '2.16.840.1.101.3.4.2.9',
  'sha3-512': '2.16.840.1.101.3.4.2.10',
} as const;

/** RFC 8017, A.2.4; RFC 5758, 3.2; the last three of each kind: the same register of NIST. */
const SCHEMES: ReadonlyMap<string, SignatureScheme> = new Map<string, SignatureScheme>([
  ['1.2.840.113549.1.1.5', { scheme: 'rsassa', hash: 'sha1' }],
  ['1.2.840.113549.1.1.11', { scheme: 'rsassa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { scheme: 'rsassa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { scheme: 'rsassa', hash: 'sha512' }],
  ['2.16.840.1.101.3.4.3.14', { scheme: 'rsassa', hash: 'sha3-256' }],
  ['2.16.840.1.101.3.4.3.15', { scheme: 'rsassa', hash: 'sha3-384' }],
  ['2.16.840.1.101.3.4.3.16', { scheme: 'rsassa', hash: 'sha3-512' }],
  ['1.2.840.10045.4.1', { scheme: 'ecdsa', hash: 'sha1' }],
  ['1.2.840.10045.4.3.2', { scheme: 'ecdsa', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { scheme: 'ecdsa', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { scheme: 'ecdsa', hash: 'sha512' }],
  ['2.16.840.1.101.3.4.3.10', { scheme: 'ecdsa', hash: 'sha3-256' }],
  ['2.16.840.1.101.3.4.3.11', { scheme: 'ecdsa', hash: 'sha3-384' }],
  ['2.16.840.1.101.3.4.3.12', { scheme: 'ecdsa', hash: 'sha3-512' }],
]);

const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';

/** undefined for an algorithm, or parameters of one, that are not known here. */
export function signatureSchemeOf(algorithm: AlgorithmIdentifier): SignatureScheme | undefined {
  const { oid, parameters } = algorithm;
  // RFC 4055, 5 has NULL for RSA and RFC 5758, 3.2 nothing for ECDSA; makers leave out NULL or add it.
  if (oid !== RSASSA_PSS) return isPlain(parameters) ? SCHEMES.get(oid) : undefined;
  if (parameters === null) return undefined;
  try {
    return readPssParameters(parameters);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

/** RSASSA-PSS-params: RFC 4055, 3.1. What is absent has its default, all of SHA-1. */
function readPssParameters(parameters: Uint8Array): SignatureScheme | undefined {
  const whole = new DerReader(parameters);
  const fields = whole.sequence('RSASSA-PSS-params');
  whole.end('RSASSA-PSS-params');
  const [hash, mask, salt, trailer] = ['hash', 'maskGen', 'saltLength', 'trailerField'].map(
    (field, tag) => fields.optional(contextConstructed(tag), field),
  );
  fields.end('RSASSA-PSS-params');
  const hashName = hash ? readHash(hash.children()) : 'sha1';
  const maskHash = mask ? readMaskHash(mask.children()) : 'sha1';
  const saltLength = salt ? readNumber(salt) : 20;
  const trailerField = trailer ? readNumber(trailer) : 1;
  if (hashName === undefined || maskHash !== hashName || trailerField !== 1) return undefined;
  return { scheme: 'rsapss', hash: hashName, saltLength };
}

function readMaskHash(reader: DerReader): SignatureHash | undefined {
  const fields = reader.sequence('maskGenAlgorithm');
  reader.end('maskGenAlgorithm');
  if (readOid(fields, 'maskGenAlgorithm') !== MGF1) return undefined;
  return readHash(fields);
}

function readHash(reader: DerReader): SignatureHash | undefined {
  const fields = reader.sequence('hashAlgorithm');
  reader.end('hashAlgorithm');
  const oid = readOid(fields, 'hashAlgorithm');
  fields.optional(DER.null, 'hashAlgorithm.parameters');
  fields.end('hashAlgorithm');
  for (const name in HASHES) {
    if (HASHES[name as SignatureHash] === oid) return name as SignatureHash;
  }
  return undefined;
}

function readNumber(value: DerValue): number {
  const reader = value.children();
  const number = readSmallInteger(reader, 'RSASSA-PSS-params');
  reader.end('RSASSA-PSS-params');
  return number;
}

function isPlain(parameters: Uint8Array | null): boolean {
  return parameters === null || Buffer.compare(parameters, NULL) === 0;
}
