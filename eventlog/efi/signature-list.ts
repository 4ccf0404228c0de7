import { ParseError, Reader } from '@touchstone/tpm';
import { guidText, readGuid } from './guid.ts';

/** What the signatures of a list are: UEFI 2.10, 32.4.1. `unknown` for types that are not of that section. */
export type SignatureKind =
  | 'x509'
  | 'sha1'
  | 'sha224'
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'rsa2048'
  | 'x509-sha256'
  | 'x509-sha384'
  | 'x509-sha512'
  | 'pkcs7'
  | 'external'
  | 'unknown';

/** EFI_SIGNATURE_DATA: UEFI 2.10, 32.4.1. */
export type Signature = {
  /** GUID of who put it there. */
  readonly owner: string;
  /** A view on the input: a digest, a certificate's DER, by the list's kind. */
  readonly data: Uint8Array;
};

/** EFI_SIGNATURE_LIST: UEFI 2.10, 32.4.1. */
export type SignatureList = {
  readonly kind: SignatureKind;
  /** GUID. */
  readonly type: string;
  readonly signatures: readonly Signature[];
};

const OWNER_SIZE = 16;
const HEADER_SIZE = 28;
/** Of db and dbx on real machines the largest have some hundreds. */
const MAX_SIGNATURES = 65_536;

/** By type: the kind, and how long its data is where that is fixed. */
const KINDS: Readonly<Record<string, readonly [kind: SignatureKind, size: number | null]>> = {
  'a5c059a1-94e4-4aa7-87b5-ab155c2bf072': ['x509', null],
  '826ca512-cf10-4ac9-b187-be01496631bd': ['sha1', 20],
  '0b6e5233-a65c-44c9-9407-d9ab83bfc8bd': ['sha224', 28],
  'c1c41626-504c-4092-aca9-41f936934328': ['sha256', 32],
  'ff3e5307-9fd0-48c9-85f1-8ad56c701e01': ['sha384', 48],
  '093e0fae-a6c4-4f50-9f1b-d41e2b89c19a': ['sha512', 64],
  '3c5766e8-269c-4e34-aa14-ed776e85b3b6': ['rsa2048', 256],
  // A digest of what is to be signed in a certificate, and an EFI_TIME of its revocation.
  '3bd2a492-96c0-4079-b420-fcf98ef103ed': ['x509-sha256', 48],
  '7076876e-80c2-4ee6-aad2-28b349a6865b': ['x509-sha384', 64],
  '446dbf63-2502-4cda-bcfa-2465d2b0fe9d': ['x509-sha512', 80],
  '4aafd29d-68df-49ee-8aa9-347d375665a7': ['pkcs7', null],
  '452e8ced-dfff-4b8c-ae01-5118862e682c': ['external', null],
};

/**
 * The lists that db, dbx, PK, KEK and shim's MokList are made of, one after another. No bytes are no lists: an
 * empty variable. A list may hold no signature.
 *
 * Throws ParseError SIGNATURE_LIST_SIZE for sizes that contradict each other or the type, TOO_MANY_SIGNATURES,
 * or TRUNCATED.
 */
export function parseSignatureLists(bytes: Uint8Array): readonly SignatureList[] {
  const reader = new Reader(bytes, 'little');
  const lists: SignatureList[] = [];
  let total = 0;
  while (reader.remaining > 0) {
    const list = readSignatureList(
      reader,
      `SignatureList[${lists.length}]`,
      MAX_SIGNATURES - total,
    );
    total += list.signatures.length;
    lists.push(list);
    if (lists.length > MAX_SIGNATURES)
      throw tooMany(`SignatureList[${lists.length}]`, reader.offset);
  }
  return lists;
}

/**
 * One EFI_SIGNATURE_DATA by itself, as EV_EFI_VARIABLE_AUTHORITY has it: TCG PC Client PFP, 3.3.4.8.
 * Throws ParseError TRUNCATED.
 */
export function parseSignature(bytes: Uint8Array): Signature {
  const reader = new Reader(bytes, 'little');
  const owner = readGuid(reader, 'SignatureOwner');
  return { owner, data: reader.bytes(reader.remaining, 'SignatureData') };
}

function readSignatureList(reader: Reader, field: string, most: number): SignatureList {
  const start = reader.offset;
  const type = readGuid(reader, `${field}.SignatureType`);
  const listSize = reader.u32(`${field}.SignatureListSize`);
  const headerSize = reader.u32(`${field}.SignatureHeaderSize`);
  const size = reader.u32(`${field}.SignatureSize`);
  const [kind, fixed] = KINDS[type] ?? ['unknown', null];
  const contents = listSize - HEADER_SIZE - headerSize;
  const isFixedSize = fixed === null || size === OWNER_SIZE + fixed;
  if (contents < 0 || size <= OWNER_SIZE || contents % size !== 0 || !isFixedSize) {
    const detail = `${listSize}, ${headerSize}, ${size}`;
    throw new ParseError('SIGNATURE_LIST_SIZE', `${field}.SignatureListSize`, start, detail);
  }
  const count = contents / size;
  if (count > most) throw tooMany(`${field}.Signatures`, start);
  reader.bytes(headerSize, `${field}.SignatureHeader`);
  const body = reader.bytes(contents, `${field}.Signatures`);
  const signatures: Signature[] = [];
  let owner = '';
  // The sizes fit: nothing in here can be cut off.
  for (let at = 0; at < contents; at += size) {
    // As a rule all of a list are one owner's.
    if (at === 0 || !isSameOwner(body, at - size, at)) {
      owner = guidText(body.subarray(at, at + OWNER_SIZE));
    }
    signatures.push({ owner, data: body.subarray(at + OWNER_SIZE, at + size) });
  }
  return { kind, type, signatures };
}

function isSameOwner(body: Uint8Array, one: number, other: number): boolean {
  for (let at = 0; at < OWNER_SIZE; at += 1) {
    if (body[one + at] !== body[other + at]) return false;
  }
  return true;
}

const tooMany = (field: string, offset: number): ParseError =>
  new ParseError('TOO_MANY_SIGNATURES', field, offset, `over ${MAX_SIGNATURES}`);
