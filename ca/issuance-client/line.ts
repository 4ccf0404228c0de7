import type { Duplex } from 'node:stream';
import { caError } from '../ca-error.ts';
import { CA_CODES, type CaCode } from '../codes.ts';
import { framesOf, writeFrame } from '../frames.ts';
import { MAX_MESSAGE_BYTES } from '../issuance/index.ts';

/** Keys may first have to be decrypted, on a machine that has much else to do. */
const TIMEOUT_MS = 20_000;

/** A connection to the issuance that has said it is ready. */
export type Line = {
  /** Throws AppError: what the issuance answered, or ISSUANCE_UNAVAILABLE. */
  ask(operation: string, given: unknown): Promise<unknown>;
  /** Resolves when nothing can be asked any more. */
  readonly ended: Promise<void>;
  close(): void;
};

type Message = {
  readonly ready?: boolean;
  readonly failed?: Failure;
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: Failure;
};
type Failure = { readonly code: string; readonly subject: string };

type Waiting = {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
};

/** Throws AppError for what keeps the issuance from its keys, ISSUANCE_UNAVAILABLE if it says nothing at all. */
export async function openLine(stream: Duplex): Promise<Line> {
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  const greeting = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();

  const receive = ({ ready, failed, id, value, error }: Message): void => {
    if (ready === true) return greeting.resolve();
    if (failed !== undefined) return greeting.reject(failureOf(failed));
    const asker = waiting.get(id ?? 0);
    waiting.delete(id ?? 0);
    if (error === undefined) asker?.resolve(value);
    else asker?.reject(failureOf(error));
  };
  const listen = async () => {
    for await (const frame of framesOf(stream, MAX_MESSAGE_BYTES)) {
      receive(JSON.parse(frame.toString()) as Message);
    }
  };
  const end = () => {
    stream.destroy();
    const gone = unavailable('it ended');
    greeting.reject(gone);
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
    ended.resolve();
  };
  stream.on('error', () => {});
  listen().then(end, end);

  await inTime(greeting.promise).catch((error: unknown) => {
    stream.destroy();
    throw error;
  });
  return {
    ask: async (operation, given) => {
      if (stream.destroyed) throw unavailable('it ended');
      const id = (asked += 1);
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiting.set(id, { resolve, reject });
      writeFrame(stream, { id, operation, arguments: given });
      return inTime(promise).finally(() => waiting.delete(id));
    },
    ended: ended.promise,
    close: () => void stream.end(),
  };
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable('no answer in time')), TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const unavailable = (detail: string) => caError('ISSUANCE_UNAVAILABLE', 503, { detail });

/** Of what the issuance says, the codes of this room; it says no other. */
function failureOf({ code, subject }: Failure): Error {
  if (!Object.hasOwn(CA_CODES, code)) return unavailable(subject.slice(0, 256));
  return caError(code as CaCode, 503, { detail: subject.slice(0, 1_024) });
}
