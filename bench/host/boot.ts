import { createHash } from 'node:crypto';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  parseEventLog,
  replayEventLog,
  SOFTWARE_VENDOR_INFO,
  type SoftwareEvent,
} from '@touchstone/eventlog';
import type { Evidence } from '@touchstone/schemas';

/** As many events as an agent measures unless it is told otherwise. */
const MEASURED: readonly (readonly [pcr: number, event: SoftwareEvent])[] = [
  [8, { kind: 'command-line', text: 'BOOT_IMAGE=/boot/vmlinuz-6.1.0-56-amd64 root=/dev/vda1 ro' }],
  [9, { kind: 'file', path: '/boot/vmlinuz-6.1.0-56-amd64', sha256: 'aa'.repeat(32) }],
  [9, { kind: 'file', path: '/boot/initrd.img-6.1.0-56-amd64', sha256: 'bb'.repeat(32) }],
  ...['agent', 'appraisal', 'endorsement', 'eventlog', 'schemas', 'tpm', 'transport', 'tss'].map(
    (room, index) =>
      [
        13,
        {
          kind: 'tree',
          path: `/usr/lib/touchstone/${room}`,
          sha256: `c${index}`.repeat(32),
        },
      ] as const,
  ),
  [13, { kind: 'absent', path: '/var/lib/touchstone-agent/agent.yaml' }],
];

/** The one boot that every host of these measurements has. */
export const BOOT_LOG: Uint8Array = encodeEventLog({
  vendorInfo: SOFTWARE_VENDOR_INFO,
  banks: ['sha256'],
  events: MEASURED.map(([pcr, event]) => ({
    pcr,
    type: EV_EVENT_TAG,
    data: encodeSoftwareEvent(event),
  })),
});

/** Lower-case hex. */
export const BOOT_LOG_DIGEST: string = createHash('sha256').update(BOOT_LOG).digest('hex');

const REPLAYED = replayEventLog(parseEventLog(BOOT_LOG)).banks.get('sha256');

/** What the TPM holds after it. */
export const bootPcrs = (pcrs: readonly number[]): NonNullable<Evidence['pcrs']['sha256']> =>
  Object.fromEntries(
    pcrs.map((pcr) => [
      `${pcr}`,
      Buffer.from(REPLAYED?.get(pcr) ?? new Uint8Array(32)).toString('hex'),
    ]),
  );
