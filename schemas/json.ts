/**
 * Strict JSON (RFC 8259 with I-JSON's bounds, RFC 7493): what JSON.parse lets through in silence is
 * refused here. JSON.parse keeps the last of two equal keys, so that two readers of one message can
 * see two messages; it rounds integers past 2^53; it takes lone surrogates.
 */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly code: JsonErrorCode;
  readonly offset: number;

  constructor(code: JsonErrorCode, offset: number) {
    super(`${code} at offset ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

export type JsonErrorCode =
  | 'JSON_NOT_UTF8'
  | 'JSON_SYNTAX'
  | 'JSON_TOO_LARGE'
  | 'JSON_TOO_DEEP'
  | 'JSON_TOO_MANY_TOKENS'
  | 'JSON_DUPLICATE_KEY'
  | 'JSON_FORBIDDEN_KEY'
  | 'JSON_LONE_SURROGATE'
  | 'JSON_NUMBER_UNSAFE';

export type JsonLimits = {
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Strings (keys too), numbers, objects and arrays in the whole text: each costs up to some microseconds. */
  readonly maxTokens: number;
};

const DEFAULT_LIMITS: JsonLimits = { maxBytes: 1_048_576, maxDepth: 32, maxTokens: 4_000_000 };

/** Keys that reach an object's prototype when somebody assigns them. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** @throws JsonError for anything that strict JSON does not allow. */
export function parseStrictJson(bytes: Uint8Array, limits: Partial<JsonLimits> = {}): unknown {
  const { maxBytes, ...bounds } = { ...DEFAULT_LIMITS, ...limits };
  if (bytes.length > maxBytes) throw new JsonError('JSON_TOO_LARGE', maxBytes);
  const text = decodeUtf8(bytes);
  scanTokens(text, bounds);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonError('JSON_SYNTAX', 0);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError('JSON_NOT_UTF8', 0);
  }
}

/**
 * Looks at strings, numbers and nesting only; the grammar is JSON.parse's to judge, afterwards.
 * A string followed by a colon is a key of the innermost object, in every text that JSON.parse takes.
 */
function scanTokens(text: string, { maxDepth, maxTokens }: Omit<JsonLimits, 'maxBytes'>): void {
  const open: Set<string>[] = [];
  let tokens = 0;
  const count = (start: number): void => {
    if ((tokens += 1) > maxTokens) throw new JsonError('JSON_TOO_MANY_TOKENS', start);
  };
  for (let at = 0; at < text.length;) {
    const start = at;
    const character = text.charCodeAt(at);
    at += 1;
    if (character === QUOTE) {
      count(start);
      at = endOfString(text, start);
      checkString(text, start, at, open.at(-1));
    } else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      count(start);
      if (open.push(new Set()) > maxDepth) throw new JsonError('JSON_TOO_DEEP', start);
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      open.pop();
    } else if (character === MINUS || isDigit(character)) {
      count(start);
      while (at < text.length && NUMBER_CHARACTERS.includes(text.charAt(at))) at += 1;
      checkNumber(text.slice(start, at), start);
    }
  }
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const NUMBER_CHARACTERS = '0123456789+-.eE';

const isDigit = (character: number): boolean => character >= 0x30 && character <= 0x39;

function endOfString(text: string, start: number): number {
  for (
    let quote = text.indexOf('"', start + 1);
    quote !== -1;
    quote = text.indexOf('"', quote + 1)
  ) {
    let backslashes = 0;
    while (text.charAt(quote - 1 - backslashes) === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  throw new JsonError('JSON_SYNTAX', start);
}

function checkNumber(literal: string, offset: number): void {
  if (!Number.isSafeInteger(Number(literal))) throw new JsonError('JSON_NUMBER_UNSAFE', offset);
}

/** After decoding from UTF-8, a lone surrogate can only come from an escape. */
function checkString(text: string, start: number, end: number, keys?: Set<string>): void {
  const isKey = followedByColon(text, end);
  const quoted = text.slice(start, end);
  const isEscaped = quoted.includes('\\');
  if (!isKey && !isEscaped) return;
  // What stands between the quotes is the value, but for escapes; a control character fails afterwards.
  const value = isEscaped ? readString(quoted, start) : quoted.slice(1, -1);
  if (!value.isWellFormed()) throw new JsonError('JSON_LONE_SURROGATE', start);
  if (!isKey) return;
  if (FORBIDDEN_KEYS.has(value)) throw new JsonError('JSON_FORBIDDEN_KEY', start);
  if (keys?.has(value)) throw new JsonError('JSON_DUPLICATE_KEY', start);
  keys?.add(value);
}

function followedByColon(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1;
  return text.charAt(at) === ':';
}

function readString(quoted: string, offset: number): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw new JsonError('JSON_SYNTAX', offset);
  }
}
