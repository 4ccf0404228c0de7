import type { Finding } from '@touchstone/schemas';
import { isZero } from './bytes.ts';
import { finding } from './finding.ts';
import type { Measurements } from './measurements.ts';
import { FIRMWARE_PCRS, SOFTWARE_PCRS } from './software-grammar.ts';
import { isStrong } from './strong-bank.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/**
 * Whether the banks that are quoted were fed while booting. One that was not proves nothing, and whoever is root
 * later can fill it with the story of any boot (CVE-2021-42299).
 */
export function unfedBankFindings({
  class: held,
  pcrs,
}: Pick<Measurements, 'class' | 'pcrs'>): Finding[] {
  const measured: readonly number[] =
    held === 'software' ? Object.values(SOFTWARE_PCRS) : FIRMWARE_PCRS;
  return [...pcrs].flatMap(([bank, values]) => {
    const ofBoot = [...values].filter(([pcr]) => measured.includes(pcr));
    const fed = ofBoot.some(([pcr, value]) => !isAsAtReset(pcr, value));
    if (!isStrong(bank) || ofBoot.length === 0 || fed) return [];
    const subject = `PCR ${ofBoot.map(([pcr]) => pcr).join(', ')} (${bank})`;
    return [finding('BANK_NOT_EXTENDED', { subject, actual: 'as after a reset' })];
  });
}

/** PCR 0 begins with the startup locality in its last byte: TCG PC Client PFP, 3.3.3. */
function isAsAtReset(pcr: number, value: Uint8Array): boolean {
  if (pcr !== 0) return isZero(value);
  return isZero(value.subarray(0, -1)) && (value.at(-1) ?? 0) <= 4;
}

/**
 * Banks beside those that are quoted that are enabled and empty: another verifier, or a key sealed to one, would take
 * what root puts there. It is the agent's word, for no quote over the banks that were asked for can show the others,
 * and so it only ever warns.
 */
export function emptyBankFindings({ statement, pcrs }: VerifiedEvidence): Finding[] {
  const { claimedEmptyBanks = [] } = statement.selfReported;
  return claimedEmptyBanks
    .filter((bank) => !pcrs.has(bank))
    .map((bank) => finding('BANK_ENABLED_EMPTY', { subject: `bank ${bank}`, effect: 'warn' }));
}
