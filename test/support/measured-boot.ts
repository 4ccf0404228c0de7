import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
  type SoftwareEvent,
} from '@touchstone/eventlog';
import type { BankName } from '@touchstone/tpm';

export type Measured = { readonly pcr: number; readonly event: SoftwareEvent };

/** What a test host measures at boot, unless told otherwise. */
export const GOOD_BOOT: readonly Measured[] = [
  { pcr: 8, event: { kind: 'command-line', text: 'BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro' } },
  { pcr: 9, event: { kind: 'file', path: '/boot/vmlinuz', sha256: 'aa'.repeat(32) } },
  { pcr: 9, event: { kind: 'absent', path: '/boot/initrd.img' } },
  { pcr: 13, event: { kind: 'file', path: '/etc/hypervisor.conf', sha256: 'bb'.repeat(32) } },
];

/** The same with one file changed. */
export const CHANGED_BOOT: readonly Measured[] = GOOD_BOOT.map((measured) =>
  measured.event.kind === 'file' && measured.event.path === '/etc/hypervisor.conf'
    ? { ...measured, event: { ...measured.event, sha256: 'cc'.repeat(32) } }
    : measured,
);

/** The log that an agent writes of these measurements. */
export const logOf = (
  boot: readonly Measured[],
  banks: readonly BankName[] = ['sha256'],
): Uint8Array =>
  encodeEventLog({
    vendorInfo: SOFTWARE_VENDOR_INFO,
    banks,
    events: boot.map(({ pcr, event }) => ({
      pcr,
      type: EV_EVENT_TAG,
      data: encodeSoftwareEvent(event),
    })),
  });
