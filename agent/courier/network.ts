import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type Exchange,
  clientBy,
  dateOf,
  exchangeError,
  failedExchange,
} from '@touchstone/transport';
import { checkAgainst, parseStrictJson } from '@touchstone/schemas';
import type { Network } from '../network.ts';
import { Errand, Return } from './errand.ts';
import { MAX_CARRIED_BYTES, MAX_HEAD_BYTES, readFrame, writeFrame } from './frame.ts';

/** Beyond the time that the courier itself has. */
const GRACE_MS = 2_000;

/**
 * Reaches server and CA by a courier, and believes of it that bytes came. What they mean is read here against its
 * schema, and what they prove is in their signatures.
 */
export function courierNetwork(open: (signal: AbortSignal) => Promise<Socket>): Network {
  const clientTo = (to: {
    readonly url: string;
    readonly pins: (() => readonly string[]) | null;
    readonly onPin?: ((pin: string) => void) | undefined;
    readonly onDate?: ((date: Date) => void) | undefined;
  }) => {
    const closing = new AbortController();
    const exchange: Exchange = async (asked) => {
      const { url, pins, onPin } = to;
      const late = AbortSignal.timeout(asked.timeoutMs + GRACE_MS);
      const signal = AbortSignal.any([late, closing.signal]);
      const { method, path, timeoutMs } = asked;
      const maxBytes = Math.min(asked.maxBytes, MAX_CARRIED_BYTES);
      const { body = Buffer.alloc(0) } = asked;
      const hasBody = asked.body !== undefined;
      const pinned = pins === null ? null : [...pins()];
      const errand = { url, pins: pinned, method, path, hasBody, maxBytes, timeoutMs };
      try {
        const { head, body: bytes } = await sent(await open(signal), errand, body);
        if ('failed' in head) throw exchangeError(head.failed, head.detail);
        const { status: statusCode, retryAfterSeconds, date, pin } = head;
        if (pin !== null && pinned?.includes(pin) === true) onPin?.(pin);
        return {
          ...{ statusCode, bytes },
          retryAfterSeconds: retryAfterSeconds ?? undefined,
          date: dateOf(date),
        };
      } catch (cause) {
        throw failedExchange(cause, { asked, origin: url, late: late.aborted });
      }
    };
    return clientBy(exchange, { onDate: to.onDate, close: async () => closing.abort() });
  };
  return {
    pinned: ({ url, pin, onPin, onDate }) => clientTo({ url, pins: pin, onPin, onDate }),
    anyKey: ({ url }) => clientTo({ url, pins: null }),
  };
}

/** A connection to the courier that listens there, for as long as the signal lets it. */
export async function connectTo(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ path, signal });
  await once(socket, 'connect', { signal });
  // An error that comes while nobody waits for one must not end the process.
  socket.on('error', () => undefined);
  return socket;
}

async function sent(socket: Socket, errand: Errand, body: Uint8Array) {
  try {
    writeFrame(socket, checkAgainst(Errand, errand), body);
    const { head, body: bytes } = await readFrame(socket, errand.maxBytes);
    const parsed = parseStrictJson(head, { maxBytes: MAX_HEAD_BYTES });
    return { head: checkAgainst(Return, parsed), body: bytes };
  } finally {
    socket.destroy();
  }
}
