import { byteString, looksUtf16, utf16String } from '../efi/utf16.ts';
import type { EventMeaning, SystemdMeaning } from './event-meaning.ts';
import { grubMeaning } from './grub-meaning.ts';
import { inPlace, type MeasuredEvent } from './place.ts';
import { basisOf, LABEL, partOf } from './prove.ts';

// Linux TPM PCR Registry (UAPI.7).
const BOOT_LOADER_CODE = 4;
const KERNEL_INITRD = 9;
const KERNEL_BOOT = 11;
const KERNEL_CONFIG = 12;
const SYSEXTS = 13;
const SHIM_POLICY = 14;
/** Where sd-boot and sd-stub measured command lines before they had PCR 12. */
const OLD_KERNEL_CONFIG = 8;

/** EV_IPL: whatever a boot loader makes of it. Which one wrote it shows by its string. */
export function loaderString(event: MeasuredEvent): EventMeaning {
  const { data } = event;
  if (data.length === 0) return { ...LABEL, kind: 'unknown' };
  if (/^Mok[A-Za-z]+$/u.test(byteString(data))) return mokMeaning(event);
  const ofGrub = grubMeaning(event);
  if (ofGrub !== undefined) return ofGrub;
  if (looksUtf16(data)) return systemdMeaning(event);
  const text = byteString(data);
  const isFile = event.places.includes(KERNEL_INITRD) && /^[(/]/u.test(text);
  return { ...LABEL, ...(isFile ? { kind: 'loader-file', path: text } : { kind: 'text', text }) };
}

/** What is tried where shim's digest is of a list that is not in the log: none, and its one-byte flags. */
const GUESSES = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(1)];

/** shim's mok.c: the event is the variable's name, the digest its value's. */
function mokMeaning(event: MeasuredEvent): EventMeaning {
  const name = byteString(event.data);
  for (const value of GUESSES) {
    const found = partOf(event, [['guessed-value', value]]);
    if (found.basis === 'label') continue;
    const basis = inPlace(event, [SHIM_POLICY], found);
    return { ...basis, kind: 'mok', name, ...(basis.basis === 'part' && { value }) };
  }
  return { ...LABEL, kind: 'mok', name };
}

/** What sd-stub says of the archives that it makes: systemd, TPM2_PCR_MEASUREMENTS.md. */
const ARCHIVES: Readonly<Record<string, SystemdMeaning['what']>> = {
  'Credentials initrd': 'credentials',
  'Global credentials initrd': 'credentials',
  'System extension initrd': 'extensions',
  'Configuration extension initrd': 'extensions',
};

/**
 * systemd-boot's and systemd-stub's: the label is in UTF-16, the digest of a section's name in ASCII with its
 * NUL, of the section, of a command line in UTF-16 as it is (with its NULs or without), of an archive.
 */
function systemdMeaning(event: MeasuredEvent): EventMeaning {
  const { data, places } = event;
  const text = utf16String(data);
  const isSection = places.includes(KERNEL_BOOT) && /^\.[a-z0-9_-]{1,16}$/u.test(text);
  if (isSection) {
    const basis = partOf(event, [['text-and-nul', Buffer.from(`${text}\0`, 'latin1')]]);
    const what = basis.basis === 'part' ? 'section-name' : 'section';
    return { ...basis, kind: 'systemd', what, text };
  }
  const end = 2 * text.length;
  // What is behind a NUL the kernel does not see.
  const isWhole = data.subarray(end).every((byte) => byte === 0);
  const found = basisOf(event, [
    ['utf16', data.subarray(0, end)],
    ['utf16', Buffer.concat([data.subarray(0, end), Uint8Array.of(0, 0)])],
  ]);
  const basis = isWhole ? inPlace(event, [KERNEL_CONFIG, OLD_KERNEL_CONFIG], found) : LABEL;
  if (basis.basis === 'label') {
    const what = ARCHIVES[text];
    if (what !== undefined) return { ...LABEL, kind: 'systemd', what, text };
    const isOther = places.every((place) => [BOOT_LOADER_CODE, SYSEXTS].includes(place));
    if (isOther) return { ...LABEL, kind: 'text', text };
  }
  return { ...basis, kind: 'command-line', source: 'systemd-stub', text };
}
