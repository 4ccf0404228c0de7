import { createHash } from 'node:crypto';
import type { AuditEntry } from '@touchstone/schemas';
import type { Queryable } from './transaction.ts';

export type AuditLine = {
  readonly actor: string;
  /** `rotation.start`, or method and path of a call that was refused. */
  readonly action: string;
  readonly subject: string;
  readonly detail?: string;
};

/** Any fixed number: whoever appends holds it until the transaction ends, so the chain has no forks. */
const CHAIN_LOCK = 7_301_002;
const FIRST_HASH = '0'.repeat(64);

type Unhashed = Omit<AuditEntry, 'hash'>;
type AuditRow = Omit<AuditEntry, 'sequence' | 'at'> & { sequence: string; at: Date };

/** Each line's hash covers the hash before it: SHA-256 over the JSON array of both, as the server's does. */
function auditHash(previous: string, entry: Unhashed): string {
  const { sequence, at, actor, action, subject, detail } = entry;
  const text = JSON.stringify([previous, sequence, at, actor, action, subject, detail]);
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Within the transaction of what it tells of: neither is there without the other. Too long a text is cut. */
export async function appendAudit(on: Queryable, line: AuditLine): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
  const { rows } = await on.query<{ now: Date; sequence: string | null; hash: string | null }>(
    `SELECT clock_timestamp() AS now, newest.sequence, newest.hash FROM (VALUES (1)) AS one (row)
       LEFT JOIN (SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1) AS newest ON true`,
  );
  const [newest] = rows;
  if (newest === undefined) throw new Error('a row for the newest line, or for none');
  const entry: Unhashed = {
    sequence: Number(newest.sequence ?? 0) + 1,
    at: newest.now.toISOString(),
    actor: lineOf(line.actor, 128),
    action: lineOf(line.action, 64),
    subject: lineOf(line.subject, 256),
    detail: lineOf(line.detail ?? '', 2_048),
  };
  await on.query(
    `INSERT INTO audit (sequence, at, actor, action, subject, detail, hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      ...[entry.sequence, entry.at, entry.actor, entry.action, entry.subject, entry.detail],
      auditHash(newest.hash ?? FIRST_HASH, entry),
    ],
  );
}

const lineOf = (text: string, maxLength: number): string =>
  text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .slice(0, maxLength)
    .toWellFormed();

/** The latest first, those before one by its number. */
export async function listAudit(
  on: Queryable,
  { limit, before }: { readonly limit: number; readonly before: number | null },
): Promise<AuditEntry[]> {
  const { rows } = await on.query<AuditRow>(
    `SELECT sequence, at, actor, action, subject, detail, hash FROM audit
      WHERE $2::bigint IS NULL OR sequence < $2 ORDER BY sequence DESC LIMIT $1`,
    [limit, before],
  );
  return rows.map((row) => ({ ...row, sequence: Number(row.sequence), at: row.at.toISOString() }));
}
