import { setTimeout as sleep } from 'node:timers/promises';
import { settleWindows } from './end-window.ts';
import type { Verifier } from './verifier.ts';

const LOOK_EVERY_MS = 60_000;

/** What update windows that have ended leave to do, at whichever replica looks first. */
export async function keepWindows(
  verifier: Verifier,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await settleWindows(verifier).catch(onFailure);
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
