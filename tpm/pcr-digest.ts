import { type BankName, hash, hashOfBank } from './hash.ts';
import { malformed } from './malformed.ts';
import type { PcrSelection } from './pcr-selection.ts';

/** PCR values by bank and index. */
export type PcrValues = ReadonlyMap<BankName, ReadonlyMap<number, Uint8Array>>;

/**
 * H(the selected values, bank by bank in the selection's order, ascending within each): Part 1, 17.5 and
 * Part 3, 18.4. For a quote the hash is that of the signing scheme. A selected PCR without a value is
 * ParseError PCR_VALUE_MISSING, never skipped; values that the selection leaves out play no part.
 */
export function pcrDigest(
  selection: PcrSelection,
  values: PcrValues,
  hashAlg: BankName,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { bank, pcrs } of selection) {
    const { size } = hashOfBank(bank);
    for (const pcr of ascending(pcrs)) parts.push(valueOf(values, bank, pcr, size));
  }
  return hash(hashAlg, ...parts);
}

/** A quote's are as they should be. */
const ascending = (pcrs: readonly number[]): readonly number[] =>
  pcrs.every((pcr, at) => at === 0 || (pcrs[at - 1] ?? 0) <= pcr)
    ? pcrs
    : pcrs.toSorted((a, b) => a - b);

function valueOf(values: PcrValues, bank: BankName, pcr: number, size: number): Uint8Array {
  const value = values.get(bank)?.get(pcr);
  if (value?.length === size) return value;
  const field = `pcrs.${bank}.${pcr}`;
  if (value === undefined) throw malformed('PCR_VALUE_MISSING', field, 0);
  throw malformed('BAD_SIZE', field, 0, `${value.length} bytes`);
}
