import { TpmError } from 'node-tpm2-tss-bindings';
import type { Attestation } from '../evidence/deliver.ts';
import type { ClockNow } from './licence.ts';

/**
 * The counters of the TPM that holds the AK. One that went away has to be looked at again: they tell whether it was reset.
 */
export async function clockNow({
  attester,
  key,
}: Pick<Attestation, 'attester' | 'key'>): Promise<ClockNow> {
  try {
    return await attester.clockOf(key);
  } catch (error) {
    if (!(error instanceof TpmError) || error.code === 'TPM_TIMEOUT') throw error;
    return attester.clockOf(key);
  }
}
