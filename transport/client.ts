import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import type { TLSSocket } from 'node:tls';
import type { Static, TSchema } from 'typebox';
import { checkAgainst, parseStrictJson, Problem } from '@touchstone/schemas';
import { AppError } from './app-error.ts';
import { checkPin, pinOf } from './pin.ts';

export type ClientRequest<T extends TSchema> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly schema: T;
  readonly body?: unknown;
  readonly bearer?: string;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
};

const MAX_ANSWER_BYTES = 33_554_432;

export type Client = {
  /**
   * One exchange; the answer is strict JSON of the schema's shape.
   * @throws ProblemError for a problem; AppError UNREACHABLE, PIN_MISMATCH, TIMEOUT, ANSWER_MALFORMED.
   */
  request<T extends TSchema>(options: ClientRequest<T>): Promise<Static<T>>;
  close(): Promise<void>;
};

/** A client of what is no JSON, too. */
export type ByteClient = Client & {
  /** GET of something that is no JSON, as it is. Throws the same. */
  bytes(
    options: Pick<ClientRequest<TSchema>, 'path' | 'maxBytes' | 'timeoutMs'>,
  ): Promise<Uint8Array>;
};

/** A refusal in the answerer's own words. */
export class ProblemError extends AppError {
  readonly problem: Problem;

  constructor(problem: Problem, retryAfterSeconds?: number) {
    const { title, detail, field, remedy, findings, ima } = problem;
    super(problem.code, problem.status, {
      title,
      ...(detail === undefined ? {} : { detail }),
      ...(field === undefined ? {} : { field }),
      ...(remedy === undefined ? {} : { remedy }),
      ...(findings === undefined ? {} : { findings }),
      ...(ima === undefined ? {} : { ima }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
    this.problem = problem;
  }
}

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
  const { url, pin, timeoutMs = 10_000 } = options;
  if (typeof pin === 'string' && !/^[0-9a-f]{64}$/u.test(pin)) {
    throw new AppError('PIN_MALFORMED', 400, { detail: 'A fingerprint is 64 hex digits.' });
  }
  const judge = (socket: TLSSocket) => {
    const shown = checkPin(socket, typeof pin === 'string' ? [pin] : pin());
    options.onPin?.(shown);
  };
  const dispatcher = new Agent({ connect: connectorFor(timeoutMs, judge) });
  return clientOver(dispatcher, url, timeoutMs, options.onDate);
}

/** The chain is not checked because the key itself is; no session is resumed past that check. */
function connectorFor(
  timeoutMs: number,
  judge: (socket: TLSSocket) => void,
): buildConnector.connector {
  const connect = buildConnector({
    rejectUnauthorized: false,
    maxCachedSessions: 0,
    minVersion: 'TLSv1.3',
    timeout: timeoutMs,
  });
  return (target, callback) =>
    connect(target, (error, socket) => {
      if (error !== null) return callback(error, null);
      try {
        judge(socket as TLSSocket);
      } catch (mismatch) {
        socket.destroy();
        return callback(mismatch as Error, null);
      }
      return callback(null, socket);
    });
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
  const { url, timeoutMs = 10_000, onPin } = options;
  const judge = (socket: TLSSocket) => onPin?.(pinOf(socket));
  const dispatcher = new Agent({ connect: connectorFor(timeoutMs, judge) });
  const client = clientOver(dispatcher, url, timeoutMs);
  return {
    request: ({ bearer: _bearer, ...asked }) => client.request(asked),
    close: client.close,
  };
}

/** A client of a unix socket, whose file mode decides who may connect. */
export function unixClient(options: {
  readonly path: string;
  readonly timeoutMs?: number;
}): Client {
  const dispatcher = new Agent({ connect: { socketPath: options.path } });
  return clientOver(dispatcher, 'http://localhost', options.timeoutMs ?? 10_000);
}

function clientOver(
  dispatcher: Dispatcher,
  origin: string,
  defaultTimeoutMs: number,
  onDate?: (date: Date) => void,
): ByteClient {
  const answered = async ({
    maxBytes = MAX_ANSWER_BYTES,
    timeoutMs = defaultTimeoutMs,
    ...options
  }: Omit<ClientRequest<TSchema>, 'schema'>) => {
    const asked = { ...options, maxBytes, timeoutMs };
    const { statusCode, retryAfter, date, bytes } = await exchange(dispatcher, origin, asked);
    if (date !== null) onDate?.(date);
    if (statusCode >= 200 && statusCode < 300) return bytes;
    throw new ProblemError(readAnswer(Problem, bytes, maxBytes), secondsOf(retryAfter));
  };
  return {
    request: async ({ schema, ...options }) =>
      readAnswer(schema, await answered(options), options.maxBytes ?? MAX_ANSWER_BYTES),
    bytes: (options) => answered({ method: 'GET', ...options }),
    close: () => dispatcher.destroy(),
  };
}

/** Retry-After as delay-seconds (RFC 9110, 10.2.3), the only form that we send. */
const secondsOf = (header: unknown): number | undefined =>
  typeof header === 'string' && /^[0-9]{1,9}$/u.test(header) ? Number(header) : undefined;

function dateOf(header: unknown): Date | null {
  const date = typeof header === 'string' ? new Date(header) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

function readAnswer<T extends TSchema>(schema: T, bytes: Uint8Array, maxBytes: number): Static<T> {
  try {
    return checkAgainst(schema, parseStrictJson(bytes, { maxBytes }));
  } catch (cause) {
    throw new AppError('ANSWER_MALFORMED', 502, {
      title: 'The answer is not what was asked for',
      detail: reasonOf(cause),
      remedy: 'Check that the address is that of a Touchstone process of a matching version.',
      cause,
    });
  }
}

type Exchange = Omit<ClientRequest<TSchema>, 'schema'> & { maxBytes: number; timeoutMs: number };

async function exchange(
  dispatcher: Dispatcher,
  origin: string,
  { method, path, body, bearer, maxBytes, timeoutMs }: Exchange,
): Promise<{ statusCode: number; retryAfter: unknown; date: Date | null; bytes: Uint8Array }> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await request(new URL(path, origin), {
      dispatcher,
      method,
      signal,
      headers: {
        accept: 'application/json, application/problem+json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      statusCode: answer.statusCode,
      retryAfter: answer.headers['retry-after'],
      date: dateOf(answer.headers['date']),
      bytes: await readBounded(answer.body, maxBytes),
    };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (signal.aborted) {
      throw new AppError('TIMEOUT', 504, {
        title: 'No answer in time',
        detail: `${method} ${origin}${path} within ${timeoutMs} ms`,
        remedy: 'Check that the other side runs and is not overloaded, then try again.',
        cause,
      });
    }
    throw new AppError('UNREACHABLE', 503, {
      title: 'No connection',
      detail: `${method} ${origin}${path}: ${reasonOf(cause)}`,
      remedy: 'Check the address, that the other side runs, and the network between.',
      cause,
    });
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new AppError('ANSWER_MALFORMED', 502, {
        title: 'The answer is too large',
        detail: `more than ${maxBytes} bytes`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' && !cause.message.includes(code)
    ? `${cause.message} (${code})`
    : cause.message;
}
