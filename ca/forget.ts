import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { forgetEnded } from './store/index.ts';

const EVERY_MS = 3_600_000;

/** Forgets, until the signal aborts, what ended longer ago than anybody wants to know. */
export async function keepForgetting(
  pool: pg.Pool,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const forgotten = await forgetEnded(pool);
      if (forgotten.certificates + forgotten.enrollments > 0) log.info(forgotten, 'forgotten');
    } catch (error) {
      log.error({ err: error }, 'what has ended was not forgotten');
    }
    await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
