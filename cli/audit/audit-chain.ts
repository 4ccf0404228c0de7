import { createHash } from 'node:crypto';
import type { AuditEntry } from '@touchstone/schemas';

/** Before the first line that ever was. */
const FIRST_HASH = '0'.repeat(64);

/** What a walk along the chain found. `brokenAt` is the sequence number of the first line that does not fit. */
export type AuditWalk = {
  readonly from: number;
  readonly to: number;
  readonly head: string;
  readonly brokenAt: number | null;
};

/**
 * Whether each line follows from the one before: hash = SHA-256 over the JSON array of the hash before and the
 * line's own fields, without gaps in the numbers. Lines at the start whose forerunner is no longer kept are
 * believed; what cannot be seen is a log cut short at its end, which is why a head noted elsewhere is compared.
 * @param entries oldest first
 */
export function walkAudit(entries: readonly AuditEntry[]): AuditWalk | null {
  const [first] = entries;
  if (first === undefined) return null;
  let before = first.sequence === 1 ? { sequence: 0, hash: FIRST_HASH } : null;
  for (const entry of entries) {
    const fits =
      before === null ||
      (entry.sequence === before.sequence + 1 && entry.hash === hashAfter(before.hash, entry));
    if (!fits) return { ...ends(entries, first), brokenAt: entry.sequence };
    before = entry;
  }
  return { ...ends(entries, first), brokenAt: null };
}

const ends = (entries: readonly AuditEntry[], first: AuditEntry) => {
  const last = entries.at(-1) ?? first;
  return { from: first.sequence, to: last.sequence, head: last.hash };
};

function hashAfter(
  before: string,
  { sequence, at, actor, action, subject, detail }: AuditEntry,
): string {
  const text = JSON.stringify([before, sequence, at, actor, action, subject, detail]);
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
