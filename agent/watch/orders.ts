import { setTimeout as sleep } from 'node:timers/promises';
import { OrdersAnswer } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import type { Logger } from 'pino';
import { codeOf } from '../codes.ts';

/** What is ordered on loss of trust is done within 30 s. */
const ASK_EVERY_MS = 10_000;
const JITTER = 0.1;
const LONGEST_MS = 60_000;

/** The wait before the server is asked again, after so many `failures` in a row. `random`: [0, 1). */
function orderWaitMs(failures: number, random: number): number {
  if (failures === 0) return ASK_EVERY_MS * (1 - JITTER + 2 * JITTER * random);
  // By full jitter: hosts whose server came back do not come back together.
  const within = Math.min(ASK_EVERY_MS * 2 ** Math.min(failures, 8), LONGEST_MS);
  return ASK_EVERY_MS + (within - ASK_EVERY_MS) * random;
}

export type OrdersToAskFor = {
  readonly client: Pick<Client, 'request'>;
  readonly hostId: string;
  /** Whether any VM runs here that an order could be about. */
  readonly isNeeded: () => boolean;
  /** Given the token as it came. @throws where it is not this host's, or not newer */
  readonly hear: (token: string) => Promise<unknown>;
  readonly log: Logger;
};

/** Asks for this host's orders until it is told to stop. A server that is away, or no answer, changes nothing. */
export async function askForOrders(asked: OrdersToAskFor, stop: AbortSignal): Promise<void> {
  const { client, hostId, isNeeded, hear, log } = asked;
  let failures = 0;
  while (!stop.aborted) {
    await sleep(orderWaitMs(failures, Math.random()), undefined, { signal: stop }).catch(
      () => undefined,
    );
    if (stop.aborted || !isNeeded()) continue;
    try {
      const path = `/v1/hosts/${hostId}/orders`;
      const { orders } = await client.request({ method: 'GET', path, schema: OrdersAnswer });
      await hear(orders);
      failures = 0;
    } catch (error) {
      failures += 1;
      // Once: the attestations beside it say as much.
      if (failures === 1) log.warn({ err: error, code: codeOf(error) }, 'no orders could be had');
    }
  }
}
