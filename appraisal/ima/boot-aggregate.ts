import { type BankName, hash, type PcrValues } from '@touchstone/tpm';

/** The name of the entry that a list begins with. */
export const BOOT_AGGREGATE = 'boot_aggregate';

/** How the kernel calls the hashes of the banks that there are. */
const BANKS: Readonly<Record<string, BankName>> = {
  sha1: 'sha1',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
  sm3: 'sm3_256',
  'sm3-256': 'sm3_256',
};

export const bankOf = (algorithm: string): BankName | undefined =>
  Object.hasOwn(BANKS, algorithm) ? BANKS[algorithm] : undefined;

/**
 * Holds a boot_aggregate against quoted PCRs: the hash of PCR 0 to 9, or, of SHA-1 and before Linux 5.8, of
 * PCR 0 to 7, of the bank of the same algorithm. `unproven` where these PCRs were not quoted in that bank.
 */
export function checkBootAggregate(
  digest: { readonly algorithm: string; readonly value: Uint8Array },
  pcrs: PcrValues,
): 'fits' | 'differs' | 'unproven' {
  const bank = bankOf(digest.algorithm);
  const values = bank === undefined ? undefined : pcrs.get(bank);
  if (bank === undefined || values === undefined) return 'unproven';
  const sums = [7, 9].map((last) => {
    const parts = Array.from({ length: last + 1 }, (_, pcr) => values.get(pcr));
    return parts.every((part) => part !== undefined) ? hash(bank, ...parts) : undefined;
  });
  const fits = sums.some((sum) => sum !== undefined && Buffer.compare(sum, digest.value) === 0);
  if (fits) return 'fits';
  return sums.includes(undefined) ? 'unproven' : 'differs';
}
