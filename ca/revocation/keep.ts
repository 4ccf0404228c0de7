import { setTimeout as sleep } from 'node:timers/promises';
import type { CaContext } from '../enroll.ts';
import { openFirstPartition, openUnnamedPartitions } from '../store/index.ts';
import { urlOfLists } from './place.ts';
import { publishDue } from './publish.ts';

/** How soon lists follow a revocation that another process wrote down, or that could not be signed at once. */
const LOOK_EVERY_MS = 1_000;

/** Makes the lists that are due. */
async function makeLists(context: CaContext): Promise<void> {
  await openFirstPartition(context.pool, urlOfLists(context));
  await openUnnamedPartitions(context.pool);
  await publishDue(context);
}

/** Until the signal aborts. A failure is said once, and once more when it is over. */
export async function keepLists(context: CaContext, signal: AbortSignal): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      await makeLists(context);
      if (failing) context.log.info('revocation lists are made again');
      failing = false;
    } catch (error) {
      if (!failing) context.log.error({ err: error }, 'revocation lists are not made');
      failing = true;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
