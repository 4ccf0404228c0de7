import type { Static, TSchema } from 'typebox';
import { checkAgainst, parseStrictJson, Problem } from '@touchstone/schemas';
import { AppError } from './app-error.ts';

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
const TIMEOUT_MS = 10_000;

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

/** What is asked, before anybody knows the answer's shape. */
export type Asked = Omit<ClientRequest<TSchema>, 'schema' | 'body'> & {
  /** JSON, as it is sent. */
  readonly body: Uint8Array | undefined;
  readonly maxBytes: number;
  readonly timeoutMs: number;
};

/** What came back: bytes, and what the headers say that we heed. */
export type Answered = {
  readonly statusCode: number;
  readonly retryAfterSeconds: number | undefined;
  /** RFC 9110, 6.6.1. */
  readonly date: Date | null;
  readonly bytes: Uint8Array;
};

/** Carries one request there and its answer back. @throws AppError, see ExchangeCode */
export type Exchange = (asked: Asked) => Promise<Answered>;

/** What an answer means, whoever carried it. `onDate` is told the answerer's time with each, whatever it says. */
export function clientBy(
  exchange: Exchange,
  options: {
    readonly timeoutMs?: number | undefined;
    readonly onDate?: ((date: Date) => void) | undefined;
    readonly close: () => Promise<void>;
  },
): ByteClient {
  const { timeoutMs: defaultTimeoutMs = TIMEOUT_MS, onDate, close } = options;
  const answered = async (asked: Omit<ClientRequest<TSchema>, 'schema'>) => {
    const { maxBytes = MAX_ANSWER_BYTES, timeoutMs = defaultTimeoutMs } = asked;
    const body = asked.body === undefined ? undefined : Buffer.from(JSON.stringify(asked.body));
    const answer = await exchange({ ...asked, body, maxBytes, timeoutMs });
    const { statusCode, retryAfterSeconds, date, bytes } = answer;
    if (date !== null) onDate?.(date);
    if (statusCode >= 200 && statusCode < 300) return bytes;
    throw new ProblemError(readAnswer(Problem, bytes, maxBytes), retryAfterSeconds);
  };
  return {
    request: async ({ schema, ...asked }) =>
      readAnswer(schema, await answered(asked), asked.maxBytes ?? MAX_ANSWER_BYTES),
    bytes: (asked) => answered({ method: 'GET', ...asked }),
    close,
  };
}

function readAnswer<T extends TSchema>(schema: T, bytes: Uint8Array, maxBytes: number): Static<T> {
  try {
    return checkAgainst(schema, parseStrictJson(bytes, { maxBytes }));
  } catch (cause) {
    throw exchangeError('ANSWER_MALFORMED', reasonOf(cause), cause);
  }
}

const EXCHANGE_CODES = {
  ANSWER_MALFORMED: {
    status: 502,
    title: 'The answer is not what was asked for',
    remedy: 'Check that the address is that of a Touchstone process of a matching version.',
  },
  TIMEOUT: {
    status: 504,
    title: 'No answer in time',
    remedy: 'Check that the other side runs and is not overloaded, then try again.',
  },
  UNREACHABLE: {
    status: 503,
    title: 'No connection',
    remedy: 'Check the address, that the other side runs, and the network between.',
  },
  PIN_MISMATCH: {
    status: 502,
    title: 'The server does not have the pinned key',
    remedy:
      'Compare the fingerprint with the one that `touchstone up` printed. If the server has a new key, take it by ' +
      '`touchstone-agent trust --fingerprint F`, or log in again; if it has not, somebody stands in between.',
  },
} as const;
type ExchangeCode = keyof typeof EXCHANGE_CODES;

/** Why there is no answer. */
export function exchangeError(code: ExchangeCode, detail: string, cause?: unknown): AppError {
  const { status, title, remedy } = EXCHANGE_CODES[code];
  return new AppError(code, status, { title, detail, remedy, cause });
}

/** Bounded as it comes. @throws AppError ANSWER_MALFORMED */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw exchangeError('ANSWER_MALFORMED', `more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Retry-After as delay-seconds (RFC 9110, 10.2.3), the only form that we send. */
export const secondsOf = (header: unknown): number | undefined =>
  typeof header === 'string' && /^[0-9]{1,9}$/u.test(header) ? Number(header) : undefined;

export function dateOf(header: unknown): Date | null {
  const date = typeof header === 'string' ? new Date(header) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

/** As the exchange failed: nobody there, or nobody in time. */
export function failedExchange(
  cause: unknown,
  to: { readonly asked: Asked; readonly origin: string; readonly late: boolean },
): AppError {
  if (cause instanceof AppError) return cause;
  const { asked, origin, late } = to;
  const what = `${asked.method} ${origin}${asked.path}`;
  return late
    ? exchangeError('TIMEOUT', `${what} within ${asked.timeoutMs} ms`, cause)
    : exchangeError('UNREACHABLE', `${what}: ${reasonOf(cause)}`, cause);
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' && !cause.message.includes(code)
    ? `${cause.message} (${code})`
    : cause.message;
}
