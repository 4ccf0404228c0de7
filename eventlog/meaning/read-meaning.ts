import { ParseError } from '@touchstone/tpm';
import type { CcEvent } from '../cc-event-log.ts';
import type { LogEvent } from '../log-event.ts';
import type { EventMeaning } from './event-meaning.ts';
import {
  actionMeaning,
  blob2Meaning,
  blobMeaning,
  compactMeaning,
  gptMeaning,
  handoff2Meaning,
  handoffMeaning,
  imageMeaning,
  noteMeaning,
  spdmMeaning,
  spdmPolicyMeaning,
  textMeaning,
  versionMeaning,
} from './firmware-meaning.ts';
import { loaderString } from './loader-string.ts';
import { type MeasuredEvent, placed } from './place.ts';
import { LABEL } from './prove.ts';
import { separatorMeaning } from './separator-meaning.ts';
import { taggedMeaning } from './tagged-event.ts';
import { variableMeaning } from './variable-meaning.ts';

const KNOWN = new WeakMap<LogEvent | CcEvent, EventMeaning>();

/**
 * What an event means, and how much of that its digests prove. Never throws: data that is not what its type
 * says is `unknown`. The same answer for the same event, made once. Linear in the event's size.
 *
 * What is proved was measured, into that PCR, and nothing is said about when and by whom: hold it against the
 * order of the log, and believe it only of a PCR that was quoted and a bank that is complete.
 */
export function readMeaning(event: LogEvent | CcEvent): EventMeaning {
  let meaning = KNOWN.get(event);
  if (meaning === undefined) {
    meaning = meaningOf(placed(event));
    KNOWN.set(event, meaning);
  }
  return meaning;
}

function meaningOf(event: MeasuredEvent): EventMeaning {
  try {
    return READERS[event.claimedTypeName]?.(event) ?? { ...LABEL, kind: 'unknown' };
  } catch (error) {
    if (error instanceof ParseError) return { ...LABEL, kind: 'unknown' };
    throw error;
  }
}

/** By type: TCG PC Client PFP, 10.4.1. */
const READERS: Readonly<Record<string, (event: MeasuredEvent) => EventMeaning>> = {
  EV_POST_CODE: blobMeaning,
  EV_POST_CODE2: blob2Meaning,
  EV_NO_ACTION: noteMeaning,
  EV_SEPARATOR: separatorMeaning,
  EV_ACTION: actionMeaning,
  EV_EVENT_TAG: taggedMeaning,
  EV_S_CRTM_CONTENTS: blob2Meaning,
  EV_S_CRTM_VERSION: versionMeaning,
  EV_CPU_MICROCODE: blobMeaning,
  EV_PLATFORM_CONFIG_FLAGS: blobMeaning,
  EV_TABLE_OF_DEVICES: handoffMeaning,
  EV_COMPACT_HASH: compactMeaning,
  EV_IPL: loaderString,
  EV_IPL_PARTITION_DATA: textMeaning,
  EV_NONHOST_CODE: blobMeaning,
  EV_NONHOST_CONFIG: blobMeaning,
  EV_NONHOST_INFO: blobMeaning,
  EV_OMIT_BOOT_DEVICE_EVENTS: actionMeaning,
  EV_EFI_VARIABLE_DRIVER_CONFIG: (event) => variableMeaning(event, 'config'),
  EV_EFI_VARIABLE_BOOT: (event) => variableMeaning(event, 'boot'),
  EV_EFI_BOOT_SERVICES_APPLICATION: (event) => imageMeaning(event, 'application'),
  EV_EFI_BOOT_SERVICES_DRIVER: (event) => imageMeaning(event, 'boot-driver'),
  EV_EFI_RUNTIME_SERVICES_DRIVER: (event) => imageMeaning(event, 'runtime-driver'),
  EV_EFI_GPT_EVENT: gptMeaning,
  EV_EFI_ACTION: actionMeaning,
  EV_EFI_PLATFORM_FIRMWARE_BLOB: blobMeaning,
  EV_EFI_HANDOFF_TABLES: handoffMeaning,
  EV_EFI_PLATFORM_FIRMWARE_BLOB2: blob2Meaning,
  EV_EFI_HANDOFF_TABLES2: handoff2Meaning,
  EV_EFI_VARIABLE_BOOT2: (event) => variableMeaning(event, 'boot'),
  EV_EFI_GPT_EVENT2: gptMeaning,
  EV_EFI_HCRTM_EVENT: blobMeaning,
  EV_EFI_VARIABLE_AUTHORITY: (event) => variableMeaning(event, 'authority'),
  EV_EFI_SPDM_FIRMWARE_BLOB: spdmMeaning,
  EV_EFI_SPDM_FIRMWARE_CONFIG: spdmMeaning,
  EV_EFI_SPDM_DEVICE_POLICY: spdmPolicyMeaning,
  EV_EFI_SPDM_DEVICE_AUTHORITY: spdmPolicyMeaning,
};
