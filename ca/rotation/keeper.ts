import { setTimeout as sleep } from 'node:timers/promises';
import { goOnByItself, tidyUp } from './go-on.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { RotationContext } from './transition.ts';

const EVERY_MS = 2_000;
/** A key that nobody remembers waits for so many rounds: there is hardly ever one. */
const TIDY_ROUNDS = 300;

/** Carries on, until the signal aborts, with what no person has to decide: of several processes, one does. */
export async function keepRotating(
  context: RotationContext,
  signal: AbortSignal,
  everyMs = EVERY_MS,
): Promise<void> {
  let said = '';
  for (let round = 0; !signal.aborted; round += 1) {
    try {
      await oneAtATime(context.pool, async () => {
        await goOnByItself(context);
        if (round % TIDY_ROUNDS === 0) await tidyUp(context);
      });
      said = '';
    } catch (error) {
      // Once, and not every round.
      if (said !== String(error)) context.log.error({ err: error }, 'a rotation does not go on');
      said = String(error);
    }
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
