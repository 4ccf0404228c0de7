import { type BankName, hash } from '@touchstone/tpm';
import { type PeImage, parsePeImage } from './pe-image.ts';

/**
 * What firmware extends a PCR with when it loads an image: its Authenticode hash (Windows Authenticode
 * Portable Executable Signature Format, "Calculating the PE Image Hash"; TCG PC Client PFP, 10.2.3). That is
 * all of the file but the checksum, the certificate table's entry in the data directory and the
 * certificate table itself: the headers, the sections by their place in the file, then what is left.
 *
 * @throws ParseError as parsePeImage does
 */
export function authenticodeDigest(bytes: Uint8Array, bank: BankName): Uint8Array {
  return hash(bank, ...authenticodeParts(bytes));
}

/**
 * What that hash is of, in its order, for whoever hashes a large image piece by piece.
 *
 * @throws ParseError as parsePeImage does
 */
export const authenticodeParts = (bytes: Uint8Array): readonly Uint8Array[] =>
  hashedParts(bytes, parsePeImage(bytes));

/**
 * The same once somebody signs the image: whoever signs fills the file up to a multiple of 8 bytes first.
 * For an image that is signed, or needs no filling, it is what it is now.
 *
 * @throws ParseError as parsePeImage does
 */
export function digestOnceSigned(bytes: Uint8Array, bank: BankName): Uint8Array {
  const image = parsePeImage(bytes);
  const filling = image.certificateTable === undefined ? -image.length & 7 : 0;
  return hash(bank, ...hashedParts(bytes, image), new Uint8Array(filling));
}

function hashedParts(bytes: Uint8Array, image: PeImage): Uint8Array[] {
  const { checkSumOffset, certificateEntryOffset, sizeOfHeaders, sections, length } = image;
  const afterCheckSum = checkSumOffset + 4;
  const parts = [bytes.subarray(0, checkSumOffset)];
  if (certificateEntryOffset === undefined) {
    parts.push(bytes.subarray(afterCheckSum, sizeOfHeaders));
  } else {
    parts.push(bytes.subarray(afterCheckSum, certificateEntryOffset));
    parts.push(bytes.subarray(certificateEntryOffset + 8, sizeOfHeaders));
  }
  let hashed = sizeOfHeaders;
  for (const { raw } of sections.toSorted((a, b) => a.raw.offset - b.raw.offset)) {
    parts.push(bytes.subarray(raw.offset, raw.offset + raw.length));
    hashed += raw.length;
  }
  // What is left begins at the sum of what was hashed, also where there are gaps between sections.
  const end = image.certificateTable?.offset ?? length;
  if (end > hashed) parts.push(bytes.subarray(hashed, end));
  return parts;
}
