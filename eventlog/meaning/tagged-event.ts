import { Reader } from '@touchstone/tpm';
import { byteString, looksUtf16, utf16String } from '../efi/utf16.ts';
import { parseSoftwareEvent } from '../software-event.ts';
import type { EventMeaning, SystemdMeaning } from './event-meaning.ts';
import { inPlace, type MeasuredEvent } from './place.ts';
import { basisOf, LABEL } from './prove.ts';
import { isSipaEvent, sipaSummary } from './sipa-event.ts';

/** Linux' EFI stub, drivers/firmware/efi/libstub/efistub.h: the digests are of what was loaded. */
const LINUX_INITRD = 0x8f3b22ec;
const LINUX_LOAD_OPTIONS = 0x8f3b22ed;

/** systemd, TPM2_PCR_MEASUREMENTS.md: the digests are of the file's content, of which this is the name. */
const OF_SYSTEMD: ReadonlyMap<number, SystemdMeaning['what']> = new Map([
  [0xf5bc582a, 'loader-conf'],
  [0x6c46f751, 'addon'],
  [0x49dffe0f, 'addon'],
  [0xdac08e1a, 'addon'],
  [0x13aed6db, 'profile'],
  [0xd5cb7cbc, 'smbios'],
  [0xe0d47bc8, 'smbios'],
  [0xc0b3bd23, 'smbios'],
]);

const SOFTWARE_TAG = 0x5453;
/** Where Windows' boot manager and loader measure: BitLocker's PCR, and 12 to 14. */
const WINDOWS_PLACES = [11, 12, 13, 14];

/** EV_EVENT_TAG, a TCG_PCClientTaggedEvent: TCG PC Client PFP, 10.4.2.1. Throws ParseError. */
export function taggedMeaning(event: MeasuredEvent): EventMeaning {
  const reader = new Reader(event.data, 'little');
  const id = reader.u32('taggedEventID');
  if (id >>> 16 === SOFTWARE_TAG) {
    return { ...basisOf(event), kind: 'software', event: parseSoftwareEvent(event.data) };
  }
  if (isSipaEvent(id) && event.places.some((place) => WINDOWS_PLACES.includes(place))) {
    const basis = inPlace(event, WINDOWS_PLACES, basisOf(event));
    return { ...basis, kind: 'windows', ...sipaSummary(event.data) };
  }
  const data = reader.bytes(reader.u32('taggedEventDataSize'), 'taggedEventData');
  reader.end('taggedEvent');
  const text = looksUtf16(data) ? utf16String(data) : byteString(data);
  if (id === LINUX_INITRD) return { ...LABEL, kind: 'initrd', description: text };
  if (id === LINUX_LOAD_OPTIONS) return { ...LABEL, kind: 'command-line', source: 'linux' };
  const what = OF_SYSTEMD.get(id);
  if (what !== undefined) return { ...LABEL, kind: 'systemd', what, text };
  return { ...LABEL, kind: 'unknown' };
}
