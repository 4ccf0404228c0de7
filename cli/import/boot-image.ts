import {
  authenticodeDigest,
  digestOnceSigned,
  findSection,
  isUnifiedKernel,
  measuredSections,
  parsePeImage,
  type PeImage,
  readSbat,
  sectionBytes,
  type SectionMeasurement,
} from '@touchstone/eventlog';
import type { StrongHash } from '@touchstone/tpm';

/** Digests in each bank that a draft is made in, lower-case hex. */
export type Digests = Partial<Record<StrongHash, string>>;

/** What a boot image is in the chain; the id of the rule that allows it follows from that. */
export type ImageRole =
  'shim' | 'mok-manager' | 'fallback' | 'grub' | 'systemd-boot' | 'kernel' | 'uki' | 'other';

/** A UEFI image, by what it will be measured as. */
export type BootImage = {
  /** Where it is in the package. */
  readonly path: string;
  readonly role: ImageRole;
  readonly digests: Digests;
  /** What they are once an owner signs it himself, where that differs. */
  readonly onceSigned: Digests | undefined;
  /** Of a unified kernel: its kernel release, what is measured of its sections, and the kernel inside. */
  readonly unified:
    | {
        readonly release: string | undefined;
        readonly sections: readonly SectionDigests[];
        readonly kernel: Digests | undefined;
      }
    | undefined;
};

export type SectionDigests = {
  readonly section: string;
  readonly name: Digests;
  readonly content: Digests;
};

/** UEFI 2.10, 2.1.1: IMAGE_SUBSYSTEM_EFI_APPLICATION. Drivers are of the machine, not of a package. */
const EFI_APPLICATION = 10;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const inEach = (
  banks: readonly StrongHash[],
  digestIn: (bank: StrongHash) => Uint8Array,
): Digests => Object.fromEntries(banks.map((bank) => [bank, hex(digestIn(bank))]));

/**
 * A UEFI image's digests and role; undefined for a PE image that firmware does not boot.
 *
 * @throws ParseError with a PE_* code of eventlog
 */
export function readBootImage(
  bytes: Uint8Array,
  path: string,
  banks: readonly StrongHash[],
): BootImage | undefined {
  const image = parsePeImage(bytes);
  if (image.subsystem !== EFI_APPLICATION) return undefined;
  const digests = inEach(banks, (bank) => authenticodeDigest(bytes, bank));
  const signed = inEach(banks, (bank) => digestOnceSigned(bytes, bank));
  const differs = banks.some((bank) => signed[bank] !== digests[bank]);
  return {
    path,
    role: roleOf(bytes, image, path),
    digests,
    onceSigned: differs ? signed : undefined,
    unified: isUnifiedKernel(image) ? unifiedOf(bytes, image, banks) : undefined,
  };
}

/** By what is in the file; its name tells shim's helpers apart, which are of the same component. */
function roleOf(bytes: Uint8Array, image: PeImage, path: string): ImageRole {
  if (isUnifiedKernel(image)) return 'uki';
  if (isLinux(bytes)) return 'kernel';
  const components = readSbat(bytes, image)?.map(({ component }) => component) ?? [];
  if (components.includes('shim')) {
    if (/(^|\/)mm[a-z0-9]+\.efi/u.test(path)) return 'mok-manager';
    return /(^|\/)fb[a-z0-9]+\.efi/u.test(path) ? 'fallback' : 'shim';
  }
  if (components.includes('grub')) return 'grub';
  return components.some((one) => one === 'systemd' || one === 'systemd-boot')
    ? 'systemd-boot'
    : 'other';
}

/** Linux, Documentation/arch/x86/boot.rst (0x202) and arm64/booting.rst (0x38). */
function isLinux(bytes: Uint8Array): boolean {
  const at = (offset: number) => Buffer.from(bytes.subarray(offset, offset + 4)).toString('latin1');
  return at(0x202) === 'HdrS' || at(0x38) === 'ARM\x64';
}

function unifiedOf(
  bytes: Uint8Array,
  image: PeImage,
  banks: readonly StrongHash[],
): NonNullable<BootImage['unified']> {
  const text = (name: string): string => {
    const section = findSection(image, name);
    const data = section === undefined ? new Uint8Array() : sectionBytes(bytes, section);
    return Buffer.from(data.subarray(0, 128)).toString('utf8').replace(/\0.*$/su, '').trim();
  };
  const perBank = banks.map((bank) => [bank, measuredSections(bytes, image, bank)] as const);
  const gather = (index: number, part: 'name' | 'content'): Digests =>
    Object.fromEntries(
      perBank.map(([bank, sections]) => [bank, hex((sections[index] as SectionMeasurement)[part])]),
    );
  const linux = findSection(image, '.linux');
  const inside = linux === undefined ? undefined : sectionBytes(bytes, linux);
  return {
    release: /^[!-~]{1,128}$/u.test(text('.uname')) ? text('.uname') : undefined,
    sections: (perBank[0]?.[1] ?? []).map(({ section }, index) => ({
      section,
      name: gather(index, 'name'),
      content: gather(index, 'content'),
    })),
    kernel: inside === undefined ? undefined : kernelDigests(inside, banks),
  };
}

/** systemd-stub hands the kernel inside to the firmware, which measures it as an image of its own. */
function kernelDigests(inside: Uint8Array, banks: readonly StrongHash[]): Digests | undefined {
  const isImage = inside[0] === 0x4d && inside[1] === 0x5a;
  return isImage ? inEach(banks, (bank) => authenticodeDigest(inside, bank)) : undefined;
}
