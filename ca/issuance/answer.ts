import { JsonError, parseStrictJson } from '@touchstone/schemas';
import { CustodyError } from './custody-error.ts';
import type { Issuance } from './issuance.ts';
import { MAX_MESSAGE_BYTES, OPERATIONS } from './operations.ts';
import { type Codec, oneOf, record } from './wire-codec.ts';

type Operation = keyof Issuance;

const anything: Codec<unknown> = { encode: (value) => value, decode: (json) => json };
const count: Codec<number> = {
  encode: (value) => value,
  decode: (json, field) => {
    if (Number.isSafeInteger(json) && (json as number) >= 0) return json as number;
    throw new CustodyError('ISSUANCE_REFUSED', field);
  },
};
const REQUEST = record<{ id: number; operation: Operation; arguments: unknown }>({
  id: count,
  operation: oneOf(...(Object.keys(OPERATIONS) as Operation[])),
  arguments: anything,
});

/** What an answer says: the value, or why there is none. */
export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: { readonly code: string; readonly subject: string } }
);

/**
 * Carries out one request, as bytes. Throws CustodyError ISSUANCE_REFUSED for bytes that are no request at all: whoever
 * sends them is not spoken to further. What else fails is an answer; `onBug` hears of errors that nobody foresaw.
 */
export async function answerTo(
  issuance: Issuance,
  message: Uint8Array,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  const { id, operation, arguments: given } = readRequest(message);
  try {
    return { id, value: await carryOut(issuance, operation, given) };
  } catch (error) {
    if (error instanceof CustodyError) {
      return { id, error: { code: error.code, subject: error.subject } };
    }
    onBug(error);
    return { id, error: { code: 'ISSUANCE_UNAVAILABLE', subject: operation } };
  }
}

function readRequest(message: Uint8Array) {
  try {
    return REQUEST.decode(parseStrictJson(message, { maxBytes: MAX_MESSAGE_BYTES }), 'request');
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new CustodyError('ISSUANCE_REFUSED', 'request', cause);
  }
}

async function carryOut<K extends Operation>(issuance: Issuance, operation: K, given: unknown) {
  const { request, answer } = OPERATIONS[operation] as unknown as {
    request: Codec<unknown[]>;
    answer: Codec<unknown>;
  };
  const work = issuance[operation] as (...given: unknown[]) => Promise<unknown>;
  return answer.encode(await work(...request.decode(given, operation)), operation);
}

/** The issuance as somebody sees it who can only ask: `ask` carries a request over, and brings the value back. */
export function askedIssuance(
  ask: (operation: Operation, given: unknown) => Promise<unknown>,
): Issuance {
  const asking = (operation: Operation) => {
    const { request, answer } = OPERATIONS[operation] as unknown as {
      request: Codec<unknown[]>;
      answer: Codec<unknown>;
    };
    return async (...given: unknown[]) =>
      answer.decode(await ask(operation, request.encode(given, operation)), operation);
  };
  const operations = Object.keys(OPERATIONS) as Operation[];
  return Object.fromEntries(operations.map((name) => [name, asking(name)])) as unknown as Issuance;
}
