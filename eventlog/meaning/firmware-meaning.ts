import { ParseError, Reader } from '@touchstone/tpm';
import {
  type FirmwareBlob,
  parseFirmwareBlob,
  parseFirmwareBlob2,
  parseHandoffTables,
  parseHandoffTables2,
} from '../efi/firmware-blob.ts';
import { parseGptData } from '../efi/gpt.ts';
import { readGuid } from '../efi/guid.ts';
import { parseImageLoadEvent } from '../efi/image-load-event.ts';
import { byteString, looksAscii, looksUtf16, utf16String } from '../efi/utf16.ts';
import { parseVariableData } from '../efi/variable-data.ts';
import type { EventMeaning, ImageMeaning } from './event-meaning.ts';
import { inPlace, type MeasuredEvent } from './place.ts';
import { basisOf, type Candidate, LABEL } from './prove.ts';
import { SIPA_TRUST_POINT, sipaSummary } from './sipa-event.ts';

/** Each throws ParseError for data that is not what the type says. */
type Read = (event: MeasuredEvent) => EventMeaning;

const GUID_SIZE = 16;
const BLOB_SIZE = 16;
const S_CRTM_PLACE = 0;
const GPT_PLACE = 5;

/** The digest is the image's (Authenticode, or of its bytes for what is no PE): PFP, 10.4.1. */
export function imageMeaning(event: MeasuredEvent, role: ImageMeaning['role']): EventMeaning {
  const { imageLength, devicePath } = parseImageLoadEvent(event.data);
  return {
    ...LABEL,
    kind: 'image',
    role,
    devicePath: devicePath?.text ?? '',
    ...(devicePath?.file !== undefined && { file: devicePath.file }),
    ...(devicePath?.partition !== undefined && { partition: devicePath.partition }),
    imageLength,
  };
}

export const gptMeaning: Read = (event) => {
  const { disk, partitions } = parseGptData(event.data);
  const basis = inPlace(event, [GPT_PLACE], basisOf(event));
  return {
    ...basis,
    kind: 'gpt',
    disk,
    partitions: partitions.map(({ type, id, name, firstLba, lastLba }) => ({
      type,
      id,
      name,
      firstLba,
      lastLba,
    })),
  };
};

/** EV_S_CRTM_VERSION: a string in UTF-16, or a GUID; ASCII as well has been seen. PFP, 10.4.1. */
export const versionMeaning: Read = (event) => ({
  ...inPlace(event, [S_CRTM_PLACE], basisOf(event)),
  kind: 'version',
  text: versionText(event.data),
});

function versionText(data: Uint8Array): string {
  if (data.every((byte) => byte === 0)) return '';
  if (looksUtf16(data)) return utf16String(data);
  if (looksAscii(data)) return byteString(data);
  return data.length === GUID_SIZE
    ? readGuid(new Reader(data, 'little'), 'version')
    : utf16String(data);
}

/**
 * A piece of firmware or of its configuration, whose bytes the digest is of: where it lay, or what it is
 * called. Firmware logs either under most of these types.
 */
export const blobMeaning: Read = (event) => {
  const { data } = event;
  if (data.length === BLOB_SIZE && !looksAscii(data)) return ofBlob('', parseFirmwareBlob(data));
  if (looksUtf16(data)) return { ...LABEL, kind: 'blob', description: utf16String(data) };
  if (looksAscii(data)) return { ...basisOf(event), kind: 'blob', description: byteString(data) };
  return { ...LABEL, kind: 'unknown' };
};

export const blob2Meaning: Read = (event) => {
  try {
    const blob = parseFirmwareBlob2(event.data);
    return ofBlob(blob.description ?? '', blob);
  } catch (error) {
    // An older event under the newer type has been seen.
    if (!(error instanceof ParseError)) throw error;
    return blobMeaning(event);
  }
};

const ofBlob = (description: string, { base, length }: FirmwareBlob): EventMeaning => ({
  ...LABEL,
  kind: 'blob',
  description,
  base,
  length,
});

/** The digest is of the tables, which are not in the log. */
export const handoffMeaning: Read = ({ data }) => ({
  ...LABEL,
  kind: 'handoff-tables',
  ...parseHandoffTables(data),
});

export const handoff2Meaning: Read = ({ data }) => ({
  ...LABEL,
  kind: 'handoff-tables',
  ...parseHandoffTables2(data),
});

/** DEVICE_SECURITY_EVENT_DATA begins so: PFP 1.06, 10.2.7. */
const SPDM_SIGNATURE = /^SPDM Device Sec2?/u;

/** A device's measurement, of which nothing but that it is one is made here. */
export const spdmMeaning: Read = (event) => {
  const description = SPDM_SIGNATURE.exec(byteString(event.data.subarray(0, 16)))?.[0];
  return description === undefined
    ? { ...LABEL, kind: 'unknown' }
    : { ...LABEL, kind: 'spdm', description };
};

/** UEFI_VARIABLE_DATA of "devdb" and what in it was used: PFP 1.06, 3.3.4.8. */
export const spdmPolicyMeaning: Read = (event) => ({
  ...basisOf(event),
  kind: 'spdm',
  description: parseVariableData(event.data).name,
});

/** EV_NO_ACTION is told by sixteen bytes: PFP, 10.4.5. Windows ends its logs with one that holds a quote. */
export const noteMeaning: Read = ({ data }) => {
  const start = data.subarray(0, 16);
  if (looksAscii(start)) return { ...LABEL, kind: 'note', signature: byteString(start) };
  const isTrustPoint = data.length > 4 && new Reader(data, 'little').u32('id') === SIPA_TRUST_POINT;
  return isTrustPoint
    ? { ...LABEL, kind: 'windows', ...sipaSummary(data) }
    : { ...LABEL, kind: 'unknown' };
};

/** What the profile or the firmware calls something that happened. The digest is of the string. */
export const actionMeaning: Read = (event) => {
  const nul = event.data.indexOf(0);
  // Some log a NUL that they did not measure.
  const spelt: readonly Candidate[] = nul > 0 ? [['text', event.data.subarray(0, nul)]] : [];
  return { ...basisOf(event, spelt), kind: 'action', text: byteString(event.data) };
};

/** A string that says what was measured. */
export const textMeaning: Read = (event) =>
  looksAscii(event.data)
    ? { ...LABEL, kind: 'text', text: byteString(event.data) }
    : { ...LABEL, kind: 'unknown' };

const BITLOCKER_PLACE = 11;

/** EV_COMPACT_HASH: anybody's. Windows extends PCR 11 with a number each when it unlocks a disk and is done. */
export const compactMeaning: Read = (event) => {
  const basis = basisOf(event);
  const isOfWindows = event.places.includes(BITLOCKER_PLACE) && event.data.length === 4;
  return isOfWindows && basis.basis === 'data'
    ? { ...basis, kind: 'windows', count: 0, names: [] }
    : textMeaning(event);
};
