import { setTimeout as sleep } from 'node:timers/promises';

/** What is asked for by whoever is waiting is asked for no more often, and waited for no longer. */
const APART_MS = 1_000;
const TIMEOUT_MS = 3_000;

/** Asking the CA for something that is kept here. */
export type SharedPoll = {
  /** @throws what `ask` throws */
  poll(): Promise<void>;
  /** A poll that whoever else waits for one shares, at most one a second. It is not said whether the CA answered. */
  pollSoon(): Promise<void>;
};

/** `lastAtMs`: by performance.now(), when it was asked last. */
export function sharedPoll(
  ask: (timeoutMs?: number) => Promise<void>,
): SharedPoll & { lastAtMs(): number } {
  let polledAtMs = -Infinity;
  let soon: Promise<void> | undefined;
  const poll = (timeoutMs?: number) => {
    polledAtMs = performance.now();
    return ask(timeoutMs);
  };
  const afterAPause = async () => {
    const waitMs = Math.max(0, polledAtMs + APART_MS - performance.now());
    await sleep(waitMs, undefined, { ref: false });
    await poll(TIMEOUT_MS).catch(() => undefined);
  };
  return {
    poll: () => poll(),
    lastAtMs: () => polledAtMs,
    pollSoon: () => {
      soon ??= afterAPause().finally(() => {
        soon = undefined;
      });
      return soon;
    },
  };
}
