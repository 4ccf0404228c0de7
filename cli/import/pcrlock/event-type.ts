import { hashHex, type StrongHash } from '@touchstone/tpm';
import type { PcrlockRecord } from './parse-pcrlock.ts';

/** Components by their names in systemd.pcrlock(5), and the type that firmware logs their events as, by PCR. */
const BY_COMPONENT: readonly (readonly [RegExp, Readonly<Record<number, string>>])[] = [
  [/secureboot-policy/u, { 7: 'EV_EFI_VARIABLE_DRIVER_CONFIG' }],
  [/secureboot-authority/u, { 7: 'EV_EFI_VARIABLE_AUTHORITY' }],
  [/gpt/u, { 5: 'EV_EFI_GPT_EVENT' }],
  [/kernel-(cmdline|initrd)/u, { 9: 'EV_EVENT_TAG' }],
];

/** Only programs are left in PCR 4, and only what systemd-stub measures in 11 to 13. */
const BY_PCR: Readonly<Record<number, string>> = {
  4: 'EV_EFI_BOOT_SERVICES_APPLICATION',
  11: 'EV_IPL',
  12: 'EV_IPL',
  13: 'EV_IPL',
};

/** What systemd measures once it runs is in a log of its own, and in none of firmware's. */
const OF_USERSPACE =
  /enter-initrd|leave-initrd|sysinit|ready|shutdown|final|machine-id|file-system|product-uuid/u;

/** Digests that say by themselves what they are of: TCG PC Client PFP, 10.4.1 and 10.4.4. */
const KNOWN: readonly (readonly [type: string, data: Uint8Array])[] = [
  ...[Uint8Array.of(0, 0, 0, 0), Uint8Array.of(255, 255, 255, 255)].map(
    (data) => ['EV_SEPARATOR', data] as const,
  ),
  ...[
    'Calling EFI Application from Boot Option',
    'Returning from EFI Application from Boot Option',
    'Exit Boot Services Invocation',
    'Exit Boot Services Returned with Success',
  ].map((text) => ['EV_EFI_ACTION', Buffer.from(text, 'latin1')] as const),
];

/**
 * The type that a log has for a record, which .pcrlock files do not tell; undefined where it cannot be told:
 * firmware's own code and settings come as events of many types.
 */
export function eventTypeOf(
  component: string,
  { pcr, digests }: PcrlockRecord,
  bank: StrongHash,
): string | undefined {
  const digest = digests.get(bank);
  const known = KNOWN.find(([, data]) => hashHex(bank, data) === digest);
  if (known !== undefined) return known[0];
  if (OF_USERSPACE.test(component)) return undefined;
  const named = BY_COMPONENT.find(([name]) => name.test(component))?.[1][pcr];
  return named ?? BY_PCR[pcr];
}
