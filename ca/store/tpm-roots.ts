import type { AssuranceClass } from '@touchstone/endorsement';
import type { EkAlgorithm } from '@touchstone/schemas';
import type pg from 'pg';
import type { Queryable } from './transaction.ts';

/** Where a certificate of a maker came from. */
export type RootProvenance = {
  readonly listVersion: number | null;
  readonly source: string;
  readonly url: string | null;
  readonly licence: string;
  readonly date: string | null;
};

/** A certificate of a maker of TPMs as it is kept. `class` and `ekAlgorithm` are a root's alone. */
export type StoredRoot = {
  readonly fingerprint: Uint8Array;
  readonly certificate: Uint8Array;
  readonly maker: string;
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly provenance: RootProvenance;
  readonly addedBy: string;
  readonly addedAt: Date;
} & (
  | { readonly kind: 'root'; readonly class: AssuranceClass; readonly ekAlgorithm: EkAlgorithm }
  | { readonly kind: 'intermediate'; readonly class: null; readonly ekAlgorithm: null }
);

type WithoutTime<T> = T extends unknown ? Omit<T, 'addedAt'> : never;
export type NewRoot = WithoutTime<StoredRoot>;

type Row = {
  fingerprint: Buffer;
  certificate: Buffer;
  kind: StoredRoot['kind'];
  maker: string;
  subject: string;
  class: AssuranceClass | null;
  ek_algorithm: EkAlgorithm | null;
  not_before: Date;
  not_after: Date;
  list_version: number | null;
  source: string;
  url: string | null;
  licence: string;
  source_date: string | null;
  added_by: string;
  added_at: Date;
};

const COLUMNS = `fingerprint, certificate, kind, maker, subject, class, ek_algorithm, not_before, not_after,
  list_version, source, url, licence, source_date, added_by, added_at`;

/** All of them, by maker and subject. */
export async function listRoots(on: Queryable): Promise<StoredRoot[]> {
  const { rows } = await on.query<Row>(
    `SELECT ${COLUMNS} FROM tpm_roots ORDER BY kind DESC, maker, subject, fingerprint`,
  );
  return rows.map(storedRootOf);
}

/** Rises with every change. */
export async function rootsVersion(on: Queryable): Promise<number> {
  const { rows } = await on.query<{ version: number }>('SELECT version FROM tpm_roots_version');
  return versionIn(rows);
}

/** The next version, for changes of this transaction: of two at once one waits. */
export async function nextRootsVersion(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    'UPDATE tpm_roots_version SET version = version + 1 RETURNING version',
  );
  return versionIn(rows);
}

/** As of now, and no change of it until this transaction ends. */
export async function lockRoots(client: pg.PoolClient): Promise<void> {
  await client.query('SELECT version FROM tpm_roots_version FOR UPDATE');
}

export async function insertRoot(client: pg.PoolClient, root: NewRoot): Promise<void> {
  const { listVersion, source, url, licence, date } = root.provenance;
  await client.query(
    `INSERT INTO tpm_roots (fingerprint, certificate, kind, maker, subject, class, ek_algorithm, not_before,
       not_after, list_version, source, url, licence, source_date, added_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
    [
      ...[root.fingerprint, root.certificate, root.kind, root.maker, root.subject, root.class],
      ...[root.ekAlgorithm, root.notBefore, root.notAfter, listVersion, source, url, licence],
      ...[date, root.addedBy],
    ],
  );
}

/** undefined where none has that fingerprint. */
export async function deleteRoot(
  client: pg.PoolClient,
  fingerprint: Uint8Array,
): Promise<StoredRoot | undefined> {
  const { rows } = await client.query<Row>(
    `DELETE FROM tpm_roots WHERE fingerprint = $1 RETURNING ${COLUMNS}`,
    [fingerprint],
  );
  return rows[0] && storedRootOf(rows[0]);
}

export type RootChange = {
  readonly version: number;
  readonly change: 'added' | 'removed';
  readonly root: NewRoot;
  readonly reason: string;
  readonly by: string;
};

export async function recordRootChange(
  client: pg.PoolClient,
  { version, change, root, reason, by }: RootChange,
): Promise<void> {
  await client.query(
    `INSERT INTO tpm_root_changes (version, fingerprint, change, kind, class, subject, source, reason, by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      ...[version, root.fingerprint, change, root.kind, root.class, root.subject],
      ...[root.provenance.source, reason, by],
    ],
  );
}

function versionIn([row]: readonly { version: number }[]): number {
  if (row === undefined) throw new Error('tpm_roots_version has no row');
  return row.version;
}

function storedRootOf(row: Row): StoredRoot {
  const of = {
    fingerprint: row.fingerprint,
    certificate: row.certificate,
    maker: row.maker,
    subject: row.subject,
    notBefore: row.not_before,
    notAfter: row.not_after,
    provenance: {
      ...{ listVersion: row.list_version, source: row.source, url: row.url },
      ...{ licence: row.licence, date: row.source_date },
    },
    addedBy: row.added_by,
    addedAt: row.added_at,
  };
  if (row.class === null || row.ek_algorithm === null) {
    return { ...of, kind: 'intermediate', class: null, ekAlgorithm: null };
  }
  return { ...of, kind: 'root', class: row.class, ekAlgorithm: row.ek_algorithm };
}
