import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtGate } from './look-at-gate.ts';
import type { Verifier } from './verifier.ts';

const LOOK_EVERY_MS = 30_000;

/** What comes about by time alone, at whichever replica looks first: hosts that fall silent, and observe mode's end. */
export async function keepGate(
  verifier: Verifier,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await lookAtGate(verifier).catch(onFailure);
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
