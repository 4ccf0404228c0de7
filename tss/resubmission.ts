import { setTimeout as sleep } from 'node:timers/promises';
import { isBusy } from './response-codes.ts';

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;

/**
 * Part 3, 5.4 and Part 2, 6.6.3: these warnings mean that the TPM did not start the command. ESYS itself
 * sends again a few times, at once; a TPM that is busy with its self-test needs pauses between.
 */
export async function resubmitting(deadline: number, call: () => Promise<number>): Promise<number> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const rc = await call();
    if (!isBusy(rc) || performance.now() + pauseMs >= deadline) return rc;
    await sleep(pauseMs);
  }
}
