import type { FoundExposure } from './exposures.ts';
import type { KeptRecord } from './record.ts';

/** Of the last quote. A TPM blurs its counters for each key: only those under one AK can be compared. */
export type QuotedBoot = { readonly akName: string; readonly resetCount: number };

/**
 * Whether the chip was reset while this system runs on: by a wire, by a sleep from which it woke with nothing saved, or
 * by hibernation. Its PCRs then tell of no boot of this system, whatever they were fed. What it showed first in this boot
 * of the system is kept; a new AK begins anew. For a chip alone: a software TPM's process may end at any time.
 */
export async function tpmResetExposures(
  record: KeptRecord,
  quoted: QuotedBoot | null,
): Promise<readonly FoundExposure[]> {
  if (quoted === null) return [];
  const { akName, resetCount } = quoted;
  const { tpm: first } = record.current;
  if (first?.akName !== akName) {
    await record.change({ tpm: { akName, resetCount } });
    return [];
  }
  if (first.resetCount === resetCount) return [];
  const detail =
    `Its resetCount is ${resetCount}, and was ${first.resetCount} in this boot of the system: what it holds was put ` +
    'into it since then, and not by how this system was started.';
  return [{ code: 'TPM_RESET_UNDER_SYSTEM', subject: 'this host', detail, vm: null }];
}
