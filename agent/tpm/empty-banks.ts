import { encodeTpmlPcrSelection } from '@touchstone/tpm';
import { type Tpm, TpmError } from 'node-tpm2-tss-bindings';

const SELECTABLE = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
export type SelectableBank = (typeof SELECTABLE)[number];

/** What firmware, or this agent on a software TPM, measures into: every boot moves one of them. */
const MEASURED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13];

/** Banks that the TPM has and that nothing was measured into since its reset. */
export async function emptyBanksOf(tpm: Tpm): Promise<SelectableBank[]> {
  const empty: SelectableBank[] = [];
  for (const bank of SELECTABLE) {
    if (await isEmpty(tpm, bank)) empty.push(bank);
  }
  return empty;
}

async function isEmpty(tpm: Tpm, bank: SelectableBank): Promise<boolean> {
  try {
    const values = await tpm.pcrRead(encodeTpmlPcrSelection([{ bank, pcrs: MEASURED }]));
    return values.every(({ digest }) => digest.every((byte) => byte === 0));
  } catch (error) {
    // The TPM has no such bank, or the algorithm is none of its own.
    const hasNone =
      error instanceof TpmError && (error.code === 'TPM_PCR_UNREADABLE' || error.code === 'TPM_RC');
    if (hasNone) return false;
    throw error;
  }
}
