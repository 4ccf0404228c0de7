import { setTimeout as sleep } from 'node:timers/promises';
import { raiseReminders } from './alerts.ts';
import { dailyRun } from './daily-run.ts';
import type { Verifier } from './verifier.ts';

const LOOK_EVERY_MS = 3_600_000;

/** What the server does by itself, looked after once an hour. */
export async function keepDailyWork(
  verifier: Verifier,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await dailyRun(verifier).catch(onFailure);
    await raiseReminders(verifier).catch(onFailure);
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
