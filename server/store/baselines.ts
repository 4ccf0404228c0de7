import { type Baseline, BASELINE_YAML_MAX_BYTES, type BaselineRecord } from '@touchstone/schemas';
import type { DatedReference } from './attestations.ts';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where a document is in the list of baselines. */
export type BaselinePosition = readonly [name: string, part: string, version: number];

type BaselineRow = {
  document: Baseline;
  yaml: string;
  state: BaselineRecord['state'];
  drafted_by: string;
  drafted_at: Date;
  approved_by: string | null;
  approved_at: Date | null;
};

const COLUMNS = 'document, yaml, state, drafted_by, drafted_at, approved_by, approved_at';

const recordOf = (row: BaselineRow): BaselineRecord => ({
  baseline: row.document,
  yaml: row.yaml,
  state: row.state,
  draftedBy: row.drafted_by,
  draftedAt: row.drafted_at.toISOString(),
  approvedBy: row.approved_by,
  approvedAt: row.approved_at?.toISOString() ?? null,
});

/** Names one document for good: what is drafted under it never changes. */
export type BaselineKey = Pick<Baseline, 'name' | 'part' | 'version'>;

/** False where a document of this name, part and version is there. */
export async function insertBaseline(
  on: Queryable,
  drafted: {
    readonly baseline: Baseline;
    readonly yaml: string;
    readonly by: string;
    readonly now: Date;
    /** What it was captured from: that is kept until the document is retired. */
    readonly evidence?: DatedReference;
  },
): Promise<boolean> {
  const { baseline, yaml, by, now, evidence } = drafted;
  const { rowCount } = await on.query(
    `INSERT INTO baselines (name, part, version, document, yaml, state, drafted_by, drafted_at, evidence,
                            evidence_day)
     VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9) ON CONFLICT (name, part, version) DO NOTHING`,
    [
      baseline.name,
      baseline.part,
      baseline.version,
      JSON.stringify(baseline),
      yaml,
      by,
      now,
      evidence?.id ?? null,
      evidence?.day ?? null,
    ],
  );
  return rowCount === 1;
}

export async function baselineByKey(
  on: Queryable,
  { name, part, version }: BaselineKey,
): Promise<BaselineRecord | null> {
  const { rows } = await on.query<BaselineRow>(
    `SELECT ${COLUMNS} FROM baselines WHERE name = $1 AND part = $2 AND version = $3`,
    [name, part, version],
  );
  return rows[0] === undefined ? null : recordOf(rows[0]);
}

/**
 * By name and part, the latest version first; `after` is name, part and version of one. The last one is that with which
 * their texts are longer than may be drafted at once.
 */
export async function listBaselines(
  on: Queryable,
  name: string | undefined,
  { limit, after }: PageAfter<BaselinePosition>,
): Promise<BaselineRecord[]> {
  const { rows } = await on.query<BaselineRow>(
    `SELECT ${COLUMNS} FROM baselines JOIN (
       SELECT name, part, version,
              coalesce(sum(octet_length(yaml)) OVER (ORDER BY name, part, version DESC
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
         FROM baselines
        WHERE ($2::text IS NULL OR name = $2)
          AND ($3::text IS NULL OR (name, part) > ($3, $4)
               OR (name = $3 AND part = $4 AND version < $5::integer))
        ORDER BY name, part, version DESC LIMIT $1) AS page USING (name, part, version)
      WHERE before <= $6
      ORDER BY name, part, version DESC`,
    [limit, name ?? null, ...(after ?? [null, null, null]), BASELINE_YAML_MAX_BYTES],
  );
  return rows.map(recordOf);
}

export async function activeBaselines(on: Queryable): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline }>(
    `SELECT document FROM baselines WHERE state = 'active' ORDER BY name, part`,
  );
  return rows.map(({ document }) => document);
}

export async function latestVersions(
  on: Queryable,
  name: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await on.query<{ part: string; version: number }>(
    'SELECT part, max(version) AS version FROM baselines WHERE name = $1 GROUP BY part',
    [name],
  );
  return new Map(rows.map(({ part, version }) => [part, version]));
}

/** Baselines of one name are drafted and approved one after the other. */
export async function lockBaselines(on: Queryable, name: string): Promise<void> {
  await on.query(`SELECT pg_advisory_xact_lock(hashtextextended('baseline ' || $1, 0))`, [name]);
}

/** Any fixed number, other than the audit chain's. */
const POLICY_LOCK = 0x546f_506f;

/**
 * First in a transaction that makes a host one that is held to baselines, before it locks any host: either the
 * transaction that changes them waits for this one and sees the host, or this one waits and sees the change.
 */
export async function holdPolicy(on: Queryable): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock_shared($1)', [POLICY_LOCK]);
}

/** First in a transaction that changes what hosts are held to. */
export async function lockPolicy(on: Queryable): Promise<void> {
  await on.query('SELECT pg_advisory_xact_lock($1)', [POLICY_LOCK]);
}

/** What the new document takes the place of: the active one, and drafts before it. */
export async function retireBaselines(
  on: Queryable,
  { name, part, version }: BaselineKey,
  now: Date,
): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline; was_active: boolean }>(
    `UPDATE baselines SET state = 'retired', retired_at = $4, evidence_day = NULL
      WHERE name = $1 AND part = $2 AND version <> $3
        AND (state = 'active' OR (state = 'draft' AND version < $3))
      RETURNING document`,
    [name, part, version, now],
  );
  return rows.map(({ document }) => document);
}

/** By part, the latest version last. */
export async function draftsOf(on: Queryable, name: string): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline }>(
    `SELECT document FROM baselines WHERE name = $1 AND state = 'draft' ORDER BY part, version`,
    [name],
  );
  return rows.map(({ document }) => document);
}

export async function putInWindow(
  on: Queryable,
  documents: readonly BaselineKey[],
  { window, by, now }: { readonly window: string; readonly by: string; readonly now: Date },
): Promise<void> {
  for (const { name, part, version } of documents) {
    await on.query(
      `UPDATE baselines SET state = 'window', window_id = $4, approved_by = $5, approved_at = $6
        WHERE name = $1 AND part = $2 AND version = $3 AND state = 'draft'`,
      [name, part, version, window, by, now],
    );
  }
}

export async function documentsInWindow(on: Queryable, window: string): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline }>(
    `SELECT document FROM baselines WHERE window_id = $1 AND state = 'window' ORDER BY part`,
    [window],
  );
  return rows.map(({ document }) => document);
}

/** The active one of a document's name and part; drafts stay. */
export async function retireActive(
  on: Queryable,
  { name, part }: BaselineKey,
  now: Date,
): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline }>(
    `UPDATE baselines SET state = 'retired', retired_at = $3, evidence_day = NULL
      WHERE name = $1 AND part = $2 AND state = 'active' RETURNING document`,
    [name, part, now],
  );
  return rows.map(({ document }) => document);
}

export async function activateFromWindow(on: Queryable, window: string): Promise<void> {
  await on.query(
    `UPDATE baselines SET state = 'active' WHERE window_id = $1 AND state = 'window'`,
    [window],
  );
}

export async function retireFromWindow(on: Queryable, window: string, now: Date): Promise<void> {
  await on.query(
    `UPDATE baselines SET state = 'retired', retired_at = $2, evidence_day = NULL
      WHERE window_id = $1 AND state = 'window'`,
    [window, now],
  );
}

/** Whatever is active or drafted under a name, of one part or of all. */
export async function retireAll(
  on: Queryable,
  { name, part }: { readonly name: string; readonly part: string | null },
  now: Date,
): Promise<Baseline[]> {
  const { rows } = await on.query<{ document: Baseline }>(
    `UPDATE baselines SET state = 'retired', retired_at = $3, evidence_day = NULL
      WHERE name = $1 AND ($2::text IS NULL OR part = $2) AND state <> 'retired'
      RETURNING document`,
    [name, part, now],
  );
  return rows.map(({ document }) => document);
}

export async function activateBaseline(
  on: Queryable,
  { name, part, version }: BaselineKey,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<void> {
  await on.query(
    `UPDATE baselines SET state = 'active', approved_by = $4, approved_at = $5
      WHERE name = $1 AND part = $2 AND version = $3 AND state = 'draft'`,
    [name, part, version, by, now],
  );
}
