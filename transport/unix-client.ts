import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  type Client,
  clientBy,
  dateOf,
  type Exchange,
  failedExchange,
  readBounded,
  secondsOf,
} from './client.ts';

/**
 * A client of a unix socket, whose file mode decides who may connect. Each exchange has a connection of its own: a
 * command asks once, and a process that stays keeps none open to another.
 */
export function unixClient(options: {
  readonly path: string;
  readonly timeoutMs?: number;
}): Client {
  const { path: socketPath, timeoutMs } = options;
  const closing = new AbortController();
  const exchange: Exchange = async (asked) => {
    const { method, path, body, maxBytes } = asked;
    const time = AbortSignal.timeout(asked.timeoutMs);
    const signal = AbortSignal.any([time, closing.signal]);
    try {
      const sent = request({
        ...{ socketPath, method, path, signal, agent: false },
        headers: {
          host: 'localhost',
          accept: 'application/json, application/problem+json',
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': body.length }),
          ...(asked.bearer === undefined ? {} : { authorization: `Bearer ${asked.bearer}` }),
        },
      });
      sent.end(body);
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return {
        statusCode: answer.statusCode ?? 0,
        retryAfterSeconds: secondsOf(answer.headers['retry-after']),
        date: dateOf(answer.headers.date),
        bytes: await readBounded(answer, maxBytes),
      };
    } catch (cause) {
      throw failedExchange(cause, { asked, origin: 'http://localhost', late: time.aborted });
    }
  };
  return clientBy(exchange, {
    timeoutMs,
    close: async () => closing.abort(),
  });
}
