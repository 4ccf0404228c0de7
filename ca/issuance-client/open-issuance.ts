import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CaConfig } from '../config.ts';
import { askedIssuance, type Issuance } from '../issuance/index.ts';
import { startChild } from './child.ts';
import { type Line, openLine, unavailable } from './line.ts';

/** At a start the issuance may be a little later than whoever asks it. */
const CONNECT_TRIES = 50;
const CONNECT_EVERY_MS = 100;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** One that lived so long did not fail at its start. */
const LIVED_MS = 5_000;

/** The issuance in its process, found again when it ended. */
export type OpenIssuance = Issuance & { close(): void };

/**
 * Reaches the issuance and waits until it has its keys.
 * @throws AppError ISSUANCE_UNAVAILABLE, and whatever keeps the issuance from its keys
 */
export async function openIssuance(
  config: CaConfig,
  configFile: string,
  log: Logger,
): Promise<OpenIssuance> {
  const reach = async () => {
    const { issuance } = config;
    return openLine(
      issuance?.kind === 'socket' ? await connected(issuance.path) : startChild(configFile, log),
    );
  };
  const lines = keptLine(reach, log);
  await lines.current();
  const ask = async (operation: string, given: unknown): Promise<unknown> => {
    const line = await lines.current();
    return line.ask(operation, given);
  };
  return { ...askedIssuance(ask), close: () => lines.close() };
}

/** One line at a time. What ended is reached again, and after failures not at once. */
function keptLine(reach: () => Promise<Line>, log: Logger) {
  let line: Promise<Line> | undefined;
  let failures = 0;
  let notBeforeMs = 0;
  let closed = false;

  const failed = () => {
    line = undefined;
    failures += 1;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    notBeforeMs = performance.now() + pauseMs;
  };
  const watch = async (opened: Line) => {
    const sinceMs = performance.now();
    await opened.ended;
    if (closed) return;
    log.error('the issuance ended; it is reached again');
    if (performance.now() - sinceMs < LIVED_MS) return failed();
    line = undefined;
    failures = 0;
  };
  const reached = async () => {
    try {
      const opened = await reach();
      void watch(opened);
      return opened;
    } catch (error) {
      failed();
      throw error;
    }
  };

  return {
    current: (): Promise<Line> => {
      if (closed) return Promise.reject(unavailable('closed'));
      if (line !== undefined) return line;
      if (performance.now() < notBeforeMs) return Promise.reject(unavailable('it failed just now'));
      line = reached();
      return line;
    },
    close: () => {
      closed = true;
      line?.then(
        (opened) => opened.close(),
        () => {},
      );
    },
  };
}

async function connected(path: string): Promise<Duplex> {
  for (let tries = 1; ; tries += 1) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (tries === CONNECT_TRIES) throw unavailable((error as Error).message);
    }
    await sleep(CONNECT_EVERY_MS);
  }
}
