import { isDeepStrictEqual } from 'node:util';
import type { TpmObject } from 'node-tpm2-tss-bindings';
import type { KeyRecord } from '../state/identity.ts';
import { loadAttestationKey } from './attestation-key.ts';
import type { OpenTpm } from './open-tpm.ts';

/** Part 2, 7.2. */
const TPM_HT_TRANSIENT = 0x80;

type WithEk = Pick<OpenTpm, 'tpm' | 'ek'>;

/** The AK in the TPM, at most one: room for three objects is all that a TPM need have (TPM_PT_HR_TRANSIENT_MIN). */
export class LoadedAk {
  #key: { readonly record: KeyRecord; readonly object: TpmObject } | null = null;

  /** @throws AppError EK_CHANGED, AK_LOST */
  async of({ tpm, ek }: WithEk, record: KeyRecord): Promise<TpmObject> {
    if (this.#key !== null && isDeepStrictEqual(this.#key.record, record)) return this.#key.object;
    if (this.#key !== null) await tpm.flush(this.#key.object);
    this.#key = null;
    const object = await loadAttestationKey(tpm, ek, record);
    this.#key = { record, object };
    return object;
  }

  /** An EK that is not persistent takes one of the three places: then the AK goes until it is next asked for. */
  async makeRoom({ tpm, ek }: WithEk): Promise<void> {
    if (this.#key === null || ek.object.handle >>> 24 !== TPM_HT_TRANSIENT) return;
    await tpm.flush(this.#key.object);
    this.#key = null;
  }

  /** The TPM was closed. */
  gone(): void {
    this.#key = null;
  }
}
