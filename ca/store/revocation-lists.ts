import { createHash } from 'node:crypto';
import type { RevokedCertificate } from '../issuance/index.ts';
import type { Queryable } from './transaction.ts';

/** One of an issuer's lists, by the issuer's key identifier in hex. */
export type ListPlace = { readonly issuerKeyId: string; readonly partition: number };

/** An entry stays until its certificate has surely ended: AK certificates live for 7 days. docs/decisions/0041. */
const ENTRY_DAYS = 9;
/** For so long after its last certificate has ended a partition still has a list. */
const PARTITION_DAYS = 1;

/** Where a certificate that is about to be signed will stand. `listed`: a list of there is out, and counts. */
export type TakenPlace = ListPlace & { readonly url: string; readonly listed: boolean };

/**
 * A place for one certificate: in the issuer's newest partition, or in a new one where that is full. A place that is not
 * used in the end stays empty. One statement; null where another took the last place meanwhile, and it is to be asked again.
 */
export async function takePlace(
  on: Queryable,
  issuerKeyId: string,
  urlOfIssuer: string,
): Promise<TakenPlace | null> {
  const { rows } = await on.query<{ partition: number; url: string; listed: boolean }>(
    `INSERT INTO crl_partitions AS held (issuer_key_id, partition, url, issued, ends_at)
     SELECT $1, n, $2 || n, 1, now() + interval '8 days' FROM (
       SELECT coalesce((
         SELECT partition + (issued = 2000)::integer FROM crl_partitions
          WHERE issuer_key_id = $1 AND partition > 0 ORDER BY partition DESC LIMIT 1), 1) AS n) next
     ON CONFLICT (issuer_key_id, partition) DO UPDATE
       SET issued = held.issued + 1, ends_at = EXCLUDED.ends_at WHERE held.issued < 2000
     RETURNING partition, url, coalesce(next_update > now(), false) AS listed`,
    [Buffer.from(issuerKeyId, 'hex'), urlOfIssuer],
  );
  return rows[0] === undefined ? null : { issuerKeyId, ...rows[0] };
}

/** The first list of whoever issues is out before anybody asks for a certificate. */
export async function openFirstPartition(on: Queryable, urlOfLists: string): Promise<void> {
  await on.query(
    `INSERT INTO crl_partitions (issuer_key_id, partition, url, issued, ends_at)
     SELECT key_id, 1, $1 || encode(key_id, 'hex') || '/1', 0, now() + interval '8 days'
       FROM authorities WHERE role = 'issuing' AND state = 'active'
     ON CONFLICT DO NOTHING`,
    [urlOfLists],
  );
}

/** Certificates that name no list, of before there were any: each issuer's have a list together. */
export async function openUnnamedPartitions(on: Queryable): Promise<void> {
  await on.query(
    `INSERT INTO crl_partitions AS held (issuer_key_id, partition, issued, ends_at)
     SELECT c.issuer_key_id, 0, 0, max(c.not_after)
       FROM certificates c JOIN authorities a ON a.key_id = c.issuer_key_id
      WHERE c.crl_partition = 0 AND c.not_after > now() AND a.state IN ('active', 'verify-only')
      GROUP BY c.issuer_key_id
     ON CONFLICT (issuer_key_id, partition) DO UPDATE SET ends_at = EXCLUDED.ends_at
       WHERE held.ends_at < EXCLUDED.ends_at`,
  );
}

/** Partitions that have certificates still, of issuers that are believed. */
const LIVE = `FROM crl_partitions p JOIN authorities a ON a.key_id = p.issuer_key_id
  WHERE a.role = 'issuing' AND a.state IN ('active', 'verify-only')
    AND p.ends_at > now() - make_interval(days => ${PARTITION_DAYS})`;

/** Lists that are to be made: first those that lack a revocation or are not there, then those that are old. */
export async function dueLists(on: Queryable, everySeconds: number): Promise<ListPlace[]> {
  const { rows } = await on.query<ListPlace>(
    `SELECT encode(p.issuer_key_id, 'hex') AS "issuerKeyId", p.partition ${LIVE}
        AND (p.due OR p.der IS NULL OR p.this_update <= now() - make_interval(secs => $1))
      ORDER BY p.due DESC, p.this_update NULLS FIRST LIMIT 1000`,
    [everySeconds],
  );
  return rows;
}

/** What a list is made of; nobody else makes one of this place until the transaction ends. */
export type ListContents = {
  /** DER. */
  readonly issuer: Uint8Array;
  readonly url: string | null;
  readonly number: bigint;
  /** A whole second. */
  readonly thisUpdate: Date;
  readonly revoked: readonly RevokedCertificate[];
  /** Whether the newest one says all of it and still counts, so that there is nothing to do. */
  readonly isCurrent: boolean;
};

/** undefined for a partition that is not there, or of an issuer that is believed no more. */
export async function lockListContents(
  client: Queryable,
  { issuerKeyId, partition }: ListPlace,
): Promise<ListContents | undefined> {
  const key = [Buffer.from(issuerKeyId, 'hex'), partition];
  type Row = Omit<ListContents, 'number' | 'revoked'> & { number: string };
  const { rows } = await client.query<Row>(
    `SELECT a.certificate AS issuer, p.url, date_trunc('second', clock_timestamp()) AS "thisUpdate",
       greatest(p.number + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)::text AS number,
       NOT p.due AND coalesce(p.next_update > now(), false) AS "isCurrent"
     FROM crl_partitions p JOIN authorities a ON a.key_id = p.issuer_key_id
     WHERE p.issuer_key_id = $1 AND p.partition = $2 AND a.state IN ('active', 'verify-only')
     FOR UPDATE OF p FOR SHARE OF a`,
    key,
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const revoked = await client.query<RevokedCertificate>(
    `SELECT serial, revoked_at AS at, revoke_reason AS reason FROM certificates
     WHERE issuer_key_id = $1 AND crl_partition = $2 AND revoked_at IS NOT NULL
       AND greatest(not_after, revoked_at) > now() - make_interval(days => ${ENTRY_DAYS})
     ORDER BY serial`,
    key,
  );
  return { ...row, number: BigInt(row.number), revoked: revoked.rows };
}

export async function storeList(
  client: Queryable,
  { issuerKeyId, partition }: ListPlace,
  list: {
    readonly number: bigint;
    readonly thisUpdate: Date;
    readonly nextUpdate: Date;
    readonly der: Uint8Array;
  },
): Promise<void> {
  const { number, thisUpdate, nextUpdate, der } = list;
  await client.query(
    `UPDATE crl_partitions
        SET number = $3, this_update = $4, next_update = $5, der = $6, sha256 = $7, due = false
      WHERE issuer_key_id = $1 AND partition = $2`,
    [
      ...[Buffer.from(issuerKeyId, 'hex'), partition, number.toString()],
      ...[thisUpdate, nextUpdate, der, createHash('sha256').update(der).digest()],
    ],
  );
}

export type PublishedList = ListPlace & {
  readonly url: string | null;
  readonly number: string;
  /** Hex. */
  readonly sha256: string;
};

/** Every list that counts. */
export async function publishedLists(on: Queryable): Promise<PublishedList[]> {
  const { rows } = await on.query<PublishedList>(
    `SELECT encode(p.issuer_key_id, 'hex') AS "issuerKeyId", p.partition, p.url, p.number::text AS number,
       encode(p.sha256, 'hex') AS sha256 ${LIVE} AND p.der IS NOT NULL
     ORDER BY p.issuer_key_id, p.partition`,
  );
  return rows;
}

/** DER; undefined where there is none that counts. */
export async function publishedList(
  on: Queryable,
  { issuerKeyId, partition }: ListPlace,
): Promise<Uint8Array | undefined> {
  const { rows } = await on.query<{ der: Buffer }>(
    `SELECT p.der ${LIVE} AND p.der IS NOT NULL AND p.issuer_key_id = $1 AND p.partition = $2`,
    [Buffer.from(issuerKeyId, 'hex'), partition],
  );
  return rows[0]?.der;
}

/** After the database came back from a backup: what was revoked after it is for people to say again. */
export async function makeAllDue(on: Queryable): Promise<void> {
  await on.query('UPDATE crl_partitions SET due = true');
}
