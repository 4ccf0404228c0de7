import {
  digestCoversData,
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  parseCcEventLog,
  parseEventLog,
  parseSoftwareEvent,
  replayCcEventLog,
  replayEventLog,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import { Writer } from '@touchstone/tpm';
import { seedsFrom } from '../seeds.ts';
import type { Target } from '../target.ts';

const COMMAND_LINE = encodeSoftwareEvent({
  kind: 'command-line',
  text: 'root=/dev/sda1 ro',
});
const MEASURED_FILE = encodeSoftwareEvent({
  kind: 'file',
  path: '/boot/vmlinuz',
  sha256: 'ab'.repeat(32),
});

const AGILE = encodeEventLog({
  vendorInfo: SOFTWARE_VENDOR_INFO,
  banks: ['sha256', 'sha384'],
  events: [
    { pcr: 8, type: EV_EVENT_TAG, data: COMMAND_LINE },
    { pcr: 4, type: 4, data: Uint8Array.of(0, 0, 0, 0) },
  ],
});

/** TCG_PCClientPCREvent: PFP, 10.2.1. */
const LEGACY = new Writer('little')
  .u32(4)
  .u32(4)
  .bytes(new Uint8Array(20).fill(1))
  .u32(4)
  .u32(0)
  .finish();

/** As a TPM's, but that its Spec ID event is in register 1. */
const OF_CC = Uint8Array.from([1, ...AGILE.subarray(1)]);

/** Event logs, whatever made them. */
export const LOG_TARGETS: readonly Target[] = [
  {
    name: 'event-log',
    seeds: () =>
      seedsFrom(['eventlogs/*.bin', 'boots/*/binary_bios_measurements'], [AGILE, LEGACY]),
    read: (bytes) => {
      const log = parseEventLog(bytes);
      replayEventLog(log);
      for (const event of log.events) digestCoversData(event);
      return undefined;
    },
  },
  {
    name: 'cc-event-log',
    seeds: () => seedsFrom(['eventlogs/{ccel,trustee-CCEL}*', 'eventlogs/*tdx*'], [OF_CC]),
    read: (bytes) => {
      replayCcEventLog(parseCcEventLog(bytes));
      return undefined;
    },
  },
  {
    name: 'software-event',
    seeds: () => [COMMAND_LINE, MEASURED_FILE],
    read: (bytes) => encodeSoftwareEvent(parseSoftwareEvent(bytes)),
  },
];
