import { type LogEvent, readMeaning } from '@touchstone/eventlog';
import type { AssuranceClass, BaselinePart } from '@touchstone/schemas';
import { commandLineOf } from '../comparison/command-words.ts';
import { SOFTWARE_PCRS } from '../software-grammar.ts';

/**
 * Where a baseline that is made from a log puts an event. `listed`: by its digest, enforced, in its place of
 * the order. `open`: whatever is measured in its type and PCR is shown and decides nothing.
 */
export type EventHome = {
  readonly part: BaselinePart;
  readonly how: 'listed' | 'open';
  /** Why it is not held still. */
  readonly why?: string;
};

const VARIES = 'differs from boot to boot';
const UNIQUE = 'unique to a host';

/**
 * What changes together is one document: TCG PC Client PFP, 3.3.4, and the Linux TPM PCR Registry (UAPI). What
 * tells one host from another of the same make is its own document, where there is one host to name.
 */
export function homeOf(event: LogEvent, assuranceClass: AssuranceClass): EventHome {
  if (assuranceClass === 'software') return { part: softwarePart(event.pcr), how: 'listed' };
  const { pcr, claimedTypeName: type } = event;
  if (pcr === 1 && BOOT_VARIABLES.has(type)) return { part: 'firmware', how: 'open', why: VARIES };
  if (HOST_UNIQUE.get(pcr)?.has(type) === true) return { part: 'host', how: 'listed', why: UNIQUE };
  if (pcr >= 11 && readMeaning(event).kind === 'windows') {
    const why = "of Windows' own, counters among it, and not looked into";
    return { part: firmwarePart(pcr), how: 'open', why };
  }
  if (pcr >= 16) return { part: 'runtime', how: 'open', why: 'of no fixed use' };
  if (pcr >= 8 && commandLineOf(event) !== undefined) return { part: 'commandLine', how: 'listed' };
  return { part: firmwarePart(pcr), how: 'listed' };
}

const BOOT_VARIABLES = new Set(['EV_EFI_VARIABLE_BOOT', 'EV_EFI_VARIABLE_BOOT2']);

/** Partition tables have a GUID of their disk; SMBIOS tables serial numbers and MAC addresses. */
const HOST_UNIQUE: ReadonlyMap<number, ReadonlySet<string>> = new Map([
  [1, new Set(['EV_EFI_HANDOFF_TABLES', 'EV_EFI_HANDOFF_TABLES2', 'EV_TABLE_OF_DEVICES'])],
  [5, new Set(['EV_EFI_GPT_EVENT', 'EV_EFI_GPT_EVENT2'])],
]);

function firmwarePart(pcr: number): BaselinePart {
  if (pcr === 7) return 'secureBoot';
  if ([4, 5, 9, 14].includes(pcr)) return 'bootChain';
  if (pcr === 8 || pcr === 12) return 'commandLine';
  return pcr < 7 ? 'firmware' : 'runtime';
}

function softwarePart(pcr: number): BaselinePart {
  if (pcr === SOFTWARE_PCRS.bootChain) return 'bootChain';
  return pcr === SOFTWARE_PCRS.commandLine ? 'commandLine' : 'runtime';
}
