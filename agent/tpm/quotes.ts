import { setTimeout as sleep } from 'node:timers/promises';
import {
  encodeTpmlPcrSelection,
  hashAlgorithm,
  parseTpmsAttest,
  pcrDigest,
  type PcrSelection,
} from '@touchstone/tpm';
import type { Tpm, TpmClock, TpmObject } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import { withSaltedSession } from './attestation-key.ts';
import type { OpenTpm } from './open-tpm.ts';

const MAX_UNSTEADY_READS = 3;

export type QuotedPcrs = {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
};

/** Of a quote. */
export type QuoteClock = Pick<TpmClock, 'resetCount' | 'restartCount' | 'clock'>;

/** Quotes one after another, each later by the TPM's clock than the one before. */
export class Quotes {
  #lastClock = -1n;
  #last: QuoteClock | null = null;
  #lastMs = 0;

  /** Null before the first. */
  get last(): QuoteClock | null {
    return this.#last;
  }

  /** What it took, from when the TPM was asked for a session salted to its EK until it had signed; 0 before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** The TPM is opened anew, and its clock may have begun again. */
  reopened(): void {
    this.#lastClock = -1n;
  }

  /**
   * A quote and the PCR values that it covers. The TPM's clock has moved on since the last quote, for
   * two quotes in one millisecond would be one place in the verifier's order.
   * @throws AppError PCRS_UNSTEADY
   */
  async take(
    { tpm, ek }: Pick<OpenTpm, 'tpm' | 'ek'>,
    key: TpmObject,
    qualifyingData: Uint8Array,
    selection: PcrSelection,
  ): Promise<QuotedPcrs> {
    for (let attempt = 0; attempt < MAX_UNSTEADY_READS; attempt += 1) {
      await this.#clockMovesOn(tpm);
      const begun = performance.now();
      const quoted = await withSaltedSession(tpm, ek, (session) =>
        tpm.quote({ key, session, qualifyingData, selection: encodeTpmlPcrSelection(selection) }),
      );
      this.#lastMs = performance.now() - begun;
      const pcrs = await readPcrs(tpm, selection);
      const attest = parseTpmsAttest(quoted.attest);
      const { resetCount, restartCount, clock } = attest.clockInfo;
      this.#lastClock = clock;
      this.#last = { resetCount, restartCount, clock };
      const digest = pcrDigest(selection, pcrs, 'sha256');
      if (Buffer.compare(digest, attest.quote.pcrDigest) === 0) return { ...quoted, pcrs };
    }
    throw agentError('PCRS_UNSTEADY', { detail: `${MAX_UNSTEADY_READS} quotes in a row` });
  }

  async #clockMovesOn(tpm: Tpm): Promise<void> {
    while ((await tpm.readClock()).clock <= this.#lastClock) await sleep(1);
  }
}

async function readPcrs(
  tpm: Tpm,
  selection: PcrSelection,
): Promise<Map<PcrSelection[number]['bank'], Map<number, Uint8Array>>> {
  const values = new Map<PcrSelection[number]['bank'], Map<number, Uint8Array>>();
  for (const { bank, pcr, digest } of await tpm.pcrRead(encodeTpmlPcrSelection(selection))) {
    const { name } = hashAlgorithm(bank);
    const ofBank = values.get(name) ?? new Map<number, Uint8Array>();
    values.set(name, ofBank.set(pcr, digest));
  }
  return values;
}
