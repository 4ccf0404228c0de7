import type { Finding } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import type { AppraisalOutcome } from '../appraisal-outcome.ts';

/**
 * An outcome in the one form in which two of them are compared, years apart: JSON in ASCII, all beyond it as \u and
 * four hex digits; without white space; the keys of every object in the order of their code units; integers of 64 bits
 * as decimal strings. What a finding advises (`remedy`, `actor`) is left out: this version's tables say that, by code,
 * and saying it better changes no verdict.
 */
export function outcomeBytes(outcome: AppraisalOutcome): Uint8Array {
  return Buffer.from(outcomeText(outcome), 'ascii');
}

/** SHA-256 of `outcomeBytes`, lower-case hex: what is kept beside a verdict. */
export function outcomeDigestOf(outcome: AppraisalOutcome): string {
  return hashHex('sha256', outcomeBytes(outcome));
}

/** A finding without its advice. */
export function withoutAdvice({ remedy: _remedy, actor: _actor, ...found }: Finding): object {
  return found;
}

function outcomeText({ events, bootState, findings, ...rest }: AppraisalOutcome): string {
  // Every key but the two in its place: `events` stands before `evidence`, and so on, by the same rule.
  const parts = new Map<string, string>([
    ['events', textOfShared(events)],
    ['bootState', textOfShared(bootState)],
    ['findings', canonicalJson(findings.map(withoutAdvice))],
  ]);
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined) parts.set(key, canonicalJson(value));
  }
  const keys = [...parts.keys()].toSorted(byCodeUnits);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${parts.get(key)}`).join()}}`;
}

/** Hosts that show the same share these, frozen, and write them once. */
const written = new WeakMap<object, string>();

function textOfShared(data: object): string {
  const before = written.get(data);
  if (before !== undefined) return before;
  const text = canonicalJson(data);
  if (Object.isFrozen(data)) written.set(data, text);
  return text;
}

/** Plain data: what JSON can say, and integers beyond it. @throws TypeError for anything else */
export function canonicalJson(data: unknown): string {
  if (typeof data === 'bigint') return `"${data}"`;
  if (typeof data !== 'object' || data === null) {
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError(`no plain data: ${typeof data}`);
    return text.replaceAll(NOT_ASCII, escaped);
  }
  if (Array.isArray(data)) return `[${data.map(canonicalJson).join()}]`;
  if (Object.getPrototypeOf(data) !== Object.prototype) throw new TypeError('no plain object');
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  const sorted = entries.toSorted(([a], [b]) => byCodeUnits(a, b));
  return `{${sorted.map(([key, value]) => `${canonicalJson(key)}:${canonicalJson(value)}`).join()}}`;
}

const NOT_ASCII = /[\u007f-\uffff]/g;

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** ECMA-262 compares strings so. */
const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
