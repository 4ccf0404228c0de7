import type { ImaDigest } from '@touchstone/eventlog';
import type { FindingEffect, ImaFileSet } from '@touchstone/schemas';
import { stricter } from '../comparison/stricter.ts';
import { imaKeyOf } from './ima-keys.ts';
import type { JudgingPolicy } from './judging-policies.ts';

/** As many allowed contents as one finding spells out. */
const MAX_SPELT = 4;

/** What policies want at a path. Without `effect`: none of them names it. */
export type Wanted = {
  readonly effect?: FindingEffect;
  readonly expected?: string;
  readonly nearest?: string;
};

export function wantedAt(policies: readonly JudgingPolicy[], path: string): Wanted {
  const spelt: string[] = [];
  let count = 0;
  let effect: FindingEffect | undefined;
  let nearest: string | undefined;
  for (const { document, compiled } of policies) {
    const { files, mode } = compiled;
    for (const entry of files.at(path)) {
      count += 1;
      effect = effect === undefined ? mode : stricter(effect, mode);
      // The last that is named is the newest, as lists grow.
      nearest = `${originOf(files.set(entry))}by ${document}`;
      if (spelt.length < MAX_SPELT) {
        spelt.push(`${named(files.digest(entry))}${inBrackets(files.set(entry))}`);
      }
    }
  }
  if (effect === undefined) return {};
  const more = count > spelt.length ? [`${count - spelt.length} others`] : [];
  return {
    ...{ effect, expected: [...spelt, ...more].join(' or ') },
    ...(nearest === undefined ? {} : { nearest }),
  };
}

/** Where the same content is known from, if at all: another path, or a document that is not active. */
export function nearestTo(
  policies: readonly JudgingPolicy[],
  known: readonly JudgingPolicy[],
  digest: ImaDigest | undefined,
): string | undefined {
  if (digest === undefined) return undefined;
  const value = Buffer.from(digest.value);
  for (const [some, active] of [
    [policies, true],
    [known, false],
  ] as const) {
    for (const { document, compiled } of some) {
      const entry = compiled.files.withContent(value);
      if (entry < 0) continue;
      const { files } = compiled;
      const where = active ? `by ${document}` : `by ${document}, which is not active`;
      return `the content of ${files.path(entry)}: ${originOf(files.set(entry))}${where}`;
    }
  }
  return undefined;
}

/** `sha256 ab..`. */
export const digestText = (digest: ImaDigest | undefined): string =>
  digest === undefined
    ? 'no digest'
    : `${digest.type === 'verity' ? 'fs-verity ' : ''}${digest.algorithm} ${Buffer.from(digest.value).toString('hex')}`;

/** What was measured, for people: a certificate's subject, or how long it is. */
export function bufferText(bytes: Uint8Array, isKey: boolean): string {
  const subject = isKey ? imaKeyOf(bytes)?.subject : undefined;
  return subject === undefined ? `${bytes.length} bytes` : `the key of ${subject}`;
}

const NAMES: Readonly<Record<number, string>> = { 40: 'sha1', 64: 'sha256', 96: 'sha384' };

const named = (hex: string): string => `${NAMES[hex.length] ?? 'sha512'} ${hex}`;

function originOf({ from, version }: ImaFileSet): string {
  const parts = [from, version].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `${parts.join(' ')}, `;
}

function inBrackets({ from, version }: ImaFileSet): string {
  const parts = [from, version].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join(' ')})`;
}
