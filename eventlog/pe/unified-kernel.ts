import { type BankName, hash, ParseError } from '@touchstone/tpm';
import type { PeImage } from './pe-image.ts';
import type { PeSection } from './section-table.ts';

/**
 * The sections of a unified kernel image that systemd-stub knows, in the order in which it measures
 * them: UAPI group, Unified Kernel Image, "UKI TPM PCR Measurements". `.pcrsig` is not measured.
 */
const MEASURED_SECTIONS = [
  '.linux',
  '.osrel',
  '.cmdline',
  '.initrd',
  '.ucode',
  '.splash',
  '.dtb',
  '.uname',
  '.sbat',
  '.pcrpkey',
  '.profile',
  '.dtbauto',
  '.hwids',
  '.efifw',
] as const;

/** What a section may take in memory beyond its bytes in the file: zeros, which are hashed too. */
const MAX_SECTION_BYTES = 1024 * 1024 * 1024;

const EFI_APPLICATION = 10;

export type SectionMeasurement = {
  readonly section: string;
  /** Of the section's name with its NUL, and of its content; each is an event of its own in PCR 11. */
  readonly name: Uint8Array;
  readonly content: Uint8Array;
};

/** The first section of this name. */
export const findSection = (image: PeImage, name: string): PeSection | undefined =>
  image.sections.find((section) => section.name === name);

/** An application with a kernel in it. */
export const isUnifiedKernel = (image: PeImage): boolean =>
  image.subsystem === EFI_APPLICATION && findSection(image, '.linux') !== undefined;

/** A section's bytes in the file, as far as they are loaded: a view on `bytes`. */
export function sectionBytes(bytes: Uint8Array, { raw, virtualSize }: PeSection): Uint8Array {
  return bytes.subarray(raw.offset, raw.offset + Math.min(raw.length, virtualSize));
}

/**
 * What systemd-stub measures of a unified kernel image into PCR 11.
 *
 * @throws ParseError PE_SECTION_RANGE for a section far larger in memory than in the file
 */
export function measuredSections(
  bytes: Uint8Array,
  image: PeImage,
  bank: BankName,
): SectionMeasurement[] {
  return MEASURED_SECTIONS.flatMap((name) => {
    const section = findSection(image, name);
    if (section === undefined) return [];
    const there = sectionBytes(bytes, section);
    const zeros = section.virtualSize - there.length;
    if (section.virtualSize > MAX_SECTION_BYTES || zeros > bytes.length) {
      const at = section.raw.offset;
      throw new ParseError('PE_SECTION_RANGE', `${name}.VirtualSize`, at, `${section.virtualSize}`);
    }
    const content = hash(bank, there, new Uint8Array(zeros));
    return [{ section: name, name: hash(bank, Buffer.from(`${name}\0`, 'latin1')), content }];
  });
}
