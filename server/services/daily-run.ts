import type { RetentionRun } from '@touchstone/schemas';
import { claimDailyRun, makePartitionsAhead, releaseDailyRun } from '../store/retention.ts';
import { removeDue } from './retention.ts';
import type { Verifier } from './verifier.ts';

type Worker = Pick<Verifier, 'database' | 'clock' | 'log'>;

/**
 * Partitions for the days to come, and once a day, by one replica, the removal of what has had its time: gives
 * what went, or null where another replica had the day's run.
 */
export async function dailyRun(worker: Worker): Promise<RetentionRun | null> {
  await makePartitionsAhead(worker.database);
  if (!(await claimDailyRun(worker.database))) return null;
  try {
    const run = await removeDue(worker, 'verifier');
    worker.log.info({ removed: run.removed.length }, 'what had its time was removed');
    return run;
  } catch (error) {
    // The next look, at whichever replica, tries again.
    await releaseDailyRun(worker.database);
    throw error;
  }
}
