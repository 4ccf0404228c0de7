import { createHash } from 'node:crypto';
import type { AuditEntry } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';
import type { PageAfter } from './page.ts';

export type AuditLine = {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail?: string;
};

/** Any fixed number: whoever appends holds it until the transaction ends, so the chain has no forks. */
const CHAIN_LOCK = 0x546f_7563;
const FIRST_HASH = '0'.repeat(64);

type Unhashed = Omit<AuditEntry, 'hash'>;

/** Each line's hash covers the hash before it: SHA-256 over the JSON array of both. */
function auditHash(previous: string, entry: Unhashed): string {
  const { sequence, at, actor, action, subject, detail } = entry;
  const text = JSON.stringify([previous, sequence, at, actor, action, subject, detail]);
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Nobody else appends until the transaction ends. */
export async function lockAudit(on: Queryable): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
}

/** Within the transaction of what it tells of: neither is there without the other. */
export const appendAudit = (on: Queryable, line: AuditLine, now: Date): Promise<void> =>
  appendAudits(on, [line], now);

/** The same of several, in their order: whoever waits for the chain waits once. */
export async function appendAudits(
  on: Queryable,
  lines: readonly AuditLine[],
  now: Date,
): Promise<void> {
  if (lines.length === 0) return;
  await lockAudit(on);
  const { rows } = await on.query<{ sequence: string; hash: string }>(
    'SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1',
  );
  const at = now.toISOString();
  let sequence = Number(rows[0]?.sequence ?? 0);
  let hash = rows[0]?.hash ?? FIRST_HASH;
  const entries: AuditEntry[] = [];
  for (const line of lines) {
    sequence += 1;
    const entry: Unhashed = {
      ...{ sequence, at },
      actor: lineOf(line.actor, 128),
      action: lineOf(line.action, 64),
      subject: lineOf(line.subject, 256),
      detail: lineOf(line.detail ?? '', 2_048),
    };
    hash = auditHash(hash, entry);
    entries.push({ ...entry, hash });
  }
  const column = (of: (entry: AuditEntry) => string | number) => entries.map(of);
  await on.query(
    `INSERT INTO audit (sequence, at, actor, action, subject, detail, hash, month)
     SELECT sequence, $7::timestamptz, actor, action, subject, detail, hash, $8
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         AS t (sequence, actor, action, subject, detail, hash)
      ORDER BY sequence`,
    [
      column((entry) => entry.sequence),
      column(({ actor }) => actor),
      column(({ action }) => action),
      column(({ subject }) => subject),
      column(({ detail }) => detail),
      column((entry) => entry.hash),
      at,
      monthOf(now),
    ],
  );
}

const lineOf = (text: string, maxLength: number): string =>
  text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .slice(0, maxLength)
    .toWellFormed();

/** The latest first; `after` is the sequence number of one. */
export async function listAudit(
  on: Queryable,
  { limit, after }: PageAfter<number>,
): Promise<AuditEntry[]> {
  const { rows } = await on.query<
    Omit<AuditEntry, 'sequence' | 'at'> & { sequence: string; at: Date }
  >(
    `SELECT sequence, at, actor, action, subject, detail, hash FROM audit
      WHERE $2::bigint IS NULL OR sequence < $2 ORDER BY sequence DESC LIMIT $1`,
    [limit, after],
  );
  return rows.map((row) => ({ ...row, sequence: Number(row.sequence), at: row.at.toISOString() }));
}
