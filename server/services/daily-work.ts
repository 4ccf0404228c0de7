import { setTimeout as sleep } from 'node:timers/promises';
import { dailyRun, type Worker } from './daily-run.ts';

const LOOK_EVERY_MS = 3_600_000;

/** What the server does by itself, looked after once an hour. */
export async function keepDailyWork(
  worker: Worker,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await dailyRun(worker).catch(onFailure);
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
