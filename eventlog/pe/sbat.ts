import { ParseError } from '@touchstone/tpm';
import type { PeImage } from './pe-image.ts';
import { findSection, sectionBytes } from './unified-kernel.ts';

/** A line of an image's SBAT section: shim, SBAT.md. Generations below a machine's level are revoked. */
export type SbatEntry = {
  readonly component: string;
  readonly generation: number;
  readonly vendor: string;
  readonly product: string;
  readonly version: string;
};

const MAX_BYTES = 65_536;
const MAX_ENTRIES = 256;
const LINE = /^([\x21-\x2b\x2d-\x7e]{1,128}),([0-9]{1,9})((?:,[\x20-\x2b\x2d-\x7e]{0,256}){0,4})$/u;

/**
 * The entries of `.sbat`, in its order; undefined for an image without the section.
 *
 * @throws ParseError PE_SBAT
 */
export function readSbat(bytes: Uint8Array, image: PeImage): SbatEntry[] | undefined {
  const section = findSection(image, '.sbat');
  if (section === undefined) return undefined;
  const fail = (at: number, detail: string): never => {
    throw new ParseError('PE_SBAT', '.sbat', section.raw.offset + at, detail);
  };
  const data = sectionBytes(bytes, section);
  const end = data.indexOf(0);
  const length = end === -1 ? data.length : end;
  if (length > MAX_BYTES) fail(MAX_BYTES, `${length} bytes`);
  const text = Buffer.from(data.subarray(0, length)).toString('latin1');
  const entries: SbatEntry[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    const [, component, generation, rest = ''] = LINE.exec(line.replace(/\r$/u, '')) ?? [];
    if (component !== undefined && generation !== undefined) {
      const [vendor = '', product = '', version = ''] = rest.split(',').slice(1);
      entries.push({ component, generation: Number(generation), vendor, product, version });
    } else if (line.trim() !== '') fail(at, 'no SBAT entry');
    if (entries.length > MAX_ENTRIES) fail(at, `more than ${MAX_ENTRIES} entries`);
    at += line.length + 1;
  }
  return entries;
}
