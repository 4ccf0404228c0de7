import type { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import { AppError } from './app-error.ts';
import {
  type ByteClient,
  type Client,
  clientBy,
  dateOf,
  type Exchange,
  failedExchange,
  readBounded,
  secondsOf,
} from './client.ts';
import { checkPin, pinOf } from './pin.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** One key, or those that are good when a connection is made: see spkiPinOf. */
export type Pins = string | (() => readonly string[]);

/**
 * A client that talks to the holder of a pinned TLS key only. `onPin` is told whose connection it is; `onDate` is told the answerer's
 * time with each answer, whatever it says: RFC 9110, 6.6.1.
 */
export function pinnedClient(options: {
  readonly url: string;
  readonly pin: Pins;
  readonly timeoutMs?: number;
  readonly onPin?: (pin: string) => void;
  readonly onDate?: (date: Date) => void;
}): ByteClient {
  const { url, pin, timeoutMs, onPin, onDate } = options;
  if (typeof pin === 'string' && !/^[0-9a-f]{64}$/u.test(pin)) {
    throw new AppError('PIN_MALFORMED', 400, { detail: 'A fingerprint is 64 hex digits.' });
  }
  const pins = typeof pin === 'string' ? () => [pin] : pin;
  const { exchange, close } = tlsExchange({ url, pins, timeoutMs, onPin });
  return clientBy(exchange, { timeoutMs, onDate, close });
}

/**
 * A client that talks to whoever answers there: for what vouches for itself by its own signatures, and for nothing
 * else. It sends no bearer token. `onPin` is told whose connection it is.
 */
export function anyKeyClient(options: {
  readonly url: string;
  readonly timeoutMs?: number;
  readonly onPin?: (pin: string) => void;
}): Pick<Client, 'request' | 'close'> {
  const { url, timeoutMs, onPin } = options;
  const { exchange, close } = tlsExchange({ url, pins: null, timeoutMs, onPin });
  const client = clientBy(exchange, { timeoutMs, close });
  return {
    request: ({ bearer: _bearer, ...asked }) => client.request(asked),
    close: client.close,
  };
}

/**
 * Exchanges over TLS with the holder of one of the pinned keys; with whoever answers where `pins` is null. What it takes
 * is loaded with the first one: a process that never asks has no TLS client in its memory.
 */
function tlsExchange(options: {
  readonly url: string;
  readonly pins: (() => readonly string[]) | null;
  readonly timeoutMs?: number | undefined;
  readonly onPin?: ((pin: string) => void) | undefined;
}): { readonly exchange: Exchange; close(): Promise<void> } {
  const { url, pins, timeoutMs = CONNECT_TIMEOUT_MS, onPin } = options;
  const judge = (socket: TLSSocket) => {
    const shown = pins === null ? pinOf(socket) : checkPin(socket, pins());
    onPin?.(shown);
  };
  let opened: Promise<Dispatcher> | undefined;
  let closed = false;
  const exchange: Exchange = async (asked) => {
    const { method, path, body, bearer, maxBytes } = asked;
    const { request } = await import('undici');
    const dispatcher = await (opened ??= openDispatcher(timeoutMs, judge));
    const signal = AbortSignal.timeout(asked.timeoutMs);
    try {
      if (closed) throw new Error('the client was closed');
      const answer = await request(new URL(path, url), {
        dispatcher,
        method,
        signal,
        headers: {
          accept: 'application/json, application/problem+json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        ...(body === undefined ? {} : { body }),
      });
      return {
        statusCode: answer.statusCode,
        retryAfterSeconds: secondsOf(answer.headers['retry-after']),
        date: dateOf(answer.headers['date']),
        bytes: await readBounded(answer.body, maxBytes),
      };
    } catch (cause) {
      throw failedExchange(cause, { asked, origin: url, late: signal.aborted });
    }
  };
  const close = async () => {
    closed = true;
    await (await opened)?.destroy();
  };
  return { exchange, close };
}

/** The chain is not checked because the key itself is; no session is resumed past that check. */
async function openDispatcher(
  timeoutMs: number,
  judge: (socket: TLSSocket) => void,
): Promise<Dispatcher> {
  const { Agent, buildConnector } = await import('undici');
  const connect = buildConnector({
    rejectUnauthorized: false,
    maxCachedSessions: 0,
    minVersion: 'TLSv1.3',
    timeout: timeoutMs,
  });
  return new Agent({
    connect: (target, callback) =>
      connect(target, (error, socket) => {
        if (error !== null) return callback(error, null);
        try {
          judge(socket as TLSSocket);
        } catch (mismatch) {
          socket.destroy();
          return callback(mismatch as Error, null);
        }
        return callback(null, socket);
      }),
  });
}
