import { isDigestOf } from '@touchstone/tpm';
import { eventTypeName } from './event-types.ts';
import type { EventDigest, LogEvent } from './log-event.ts';

/**
 * Whether the profile makes a type's digest the hash of its event data, whole: TCG PC Client PFP,
 * 10.4.1. `always`: data that does not hash to the digest was changed. `sometimes`: firmware and
 * loaders differ, so that each event has to be looked at. `never`: the digest is of something else, as
 * an image or a file, and the data is a label that anyone may have written.
 */
export type DataCoverage = 'always' | 'sometimes' | 'never';

const COVERAGE: Readonly<Record<string, DataCoverage>> = {
  EV_EFI_VARIABLE_DRIVER_CONFIG: 'always',
  EV_EFI_VARIABLE_BOOT2: 'always',
  EV_EFI_GPT_EVENT: 'always',
  EV_EFI_ACTION: 'always',
  EV_EFI_SPDM_DEVICE_POLICY: 'always',
  // An error separator's digest is that of 0x00000001 and its data tells the error.
  EV_SEPARATOR: 'sometimes',
  // Some firmware logs another spelling of the string than it measured.
  EV_ACTION: 'sometimes',
  EV_OMIT_BOOT_DEVICE_EVENTS: 'sometimes',
  EV_S_CRTM_VERSION: 'sometimes',
  // The software log's always; Linux's "LOADED_IMAGE::LoadOptions" and initrd events are of the thing loaded.
  EV_EVENT_TAG: 'sometimes',
  // shim logs its own spelling of an authority.
  EV_EFI_VARIABLE_AUTHORITY: 'sometimes',
  // Usually over the variable's value alone.
  EV_EFI_VARIABLE_BOOT: 'sometimes',
  EV_PLATFORM_CONFIG_FLAGS: 'sometimes',
  EV_NONHOST_CONFIG: 'sometimes',
  EV_NONHOST_INFO: 'sometimes',
};

/** What a type promises. `never` for types not known here. */
export function dataCoverage(type: number): DataCoverage {
  return COVERAGE[eventTypeName(type)] ?? 'never';
}

/**
 * True only if the event's data is what was measured, and so as good as the digest: its type allows
 * it, it has a digest, and in every bank that it has one in, that is the hash of its data. Worth
 * something only for a PCR that was quoted and whose bank is complete.
 */
export function digestCoversData(event: Omit<LogEvent, 'pcr'>): boolean {
  return (
    event.extends &&
    dataCoverage(event.claimedType) !== 'never' &&
    event.digests.length > 0 &&
    coverWholeData(event)
  );
}

type Covered = { readonly data: Uint8Array; readonly isCovered: boolean };

/** By an event's digests, with the data that they were held against: several ask, and each hash costs. */
const KNOWN = new WeakMap<readonly EventDigest[], Covered>();

/** Whether each digest, of none or more, is the hash of the whole data, whatever the type promises. */
export function coverWholeData({ digests, data }: Pick<LogEvent, 'digests' | 'data'>): boolean {
  let known = KNOWN.get(digests);
  if (known?.data !== data) {
    const isCovered = digests.every(({ bank, digest }) => isDigestOf(bank, digest, data));
    known = { data, isCovered };
    KNOWN.set(digests, known);
  }
  return known.isCovered;
}
