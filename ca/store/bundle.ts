import type { CaBundle } from '@touchstone/schemas';
import { pemOf } from '../issuance/index.ts';
import type { Queryable } from './transaction.ts';

/** Refused issuers that are still listed, the last ones: by then no other has a certificate that has not ended. */
const REFUSED_LISTED = 16;

type Row = { readonly epoch: string; readonly bundle: Omit<CaBundle, 'schema' | 'epoch'> | null };

/**
 * What the server goes by, as of one moment: one statement. `renewals` names the issuers that hosts are asked to leave:
 * the old one, or in a rehearsal for the canaries alone; one that is being taken back; and all that are refused.
 */
export async function readBundle(on: Queryable): Promise<CaBundle> {
  const { rows } = await on.query<Row>(
    `WITH listed AS (
       SELECT encode(key_id, 'hex') AS key_id, role, encode(certificate, 'base64') AS certificate, created_at,
         CASE state WHEN 'destroyed' THEN 'refused' ELSE state END AS state,
         CASE reason WHEN 'rolled-back' THEN 'retired' ELSE reason END AS reason,
         row_number() OVER (PARTITION BY role, reason IS NULL ORDER BY refused_at DESC, key_id) AS nth
       FROM authorities WHERE state <> 'staged'
     ), anchors AS (
       SELECT json_agg(certificate ORDER BY created_at, key_id) AS list FROM listed
        WHERE role = 'root' AND reason IS NULL
     ), issuers AS (
       SELECT json_agg(json_strip_nulls(json_build_object(
         'keyId', key_id, 'certificate', certificate, 'state', state, 'reason', reason))
         ORDER BY state, created_at, key_id) AS list FROM listed
        WHERE role = 'issuing' AND (reason IS NULL OR nth <= $1)
     ), leaving AS (
       SELECT key_id, NULL::uuid AS only FROM listed
        WHERE role = 'issuing' AND reason IS NOT NULL AND nth <= $1
       UNION ALL
       SELECT i.key_id, CASE WHEN r.mode = 'rehearsal' AND r.phase = 'reissue' THEN r.id END
         FROM rotations r JOIN listed i ON i.reason IS NULL AND decode(i.key_id, 'hex') = CASE
           WHEN r.phase = 'rolling-back' OR (r.mode = 'rehearsal' AND r.phase = 'drain') THEN r.new_issuing
           WHEN r.phase IN ('reissue', 'drain') THEN r.old_issuing END
     ), renewals AS (
       SELECT json_agg(json_strip_nulls(json_build_object('issuerKeyId', key_id, 'ekRefs',
         (SELECT json_agg(encode(ek_ref, 'hex') ORDER BY ek_ref) FROM rotation_canaries
           WHERE rotation_id = leaving.only))) ORDER BY key_id) AS list FROM leaving
     )
     SELECT epoch::text, (SELECT json_strip_nulls(json_build_object('anchors', anchors.list, 'issuers', issuers.list,
       'renewals', renewals.list)) FROM anchors, issuers, renewals) AS bundle
     FROM ca_state`,
    [REFUSED_LISTED],
  );
  const [row] = rows;
  if (!row?.bundle?.anchors) throw new Error('the CA has no anchor');
  const { anchors, issuers, renewals } = row.bundle;
  return {
    schema: 'touchstone/ca-bundle/1',
    epoch: Number(row.epoch),
    anchors: anchors.map(pemOfBase64),
    issuers: issuers.map((issuer) => ({
      ...issuer,
      certificate: pemOfBase64(issuer.certificate),
    })),
    ...(renewals && { renewals }),
  };
}

const pemOfBase64 = (text: string) => pemOf(Buffer.from(text, 'base64'));

/** Of a rotation of keys, and of all else that raises it: more than there are between two backups. */
const RESTORED_EPOCHS = 100_000;

/**
 * Above any that somebody may have seen since a backup was made: by far, and by the seconds of the clock, which are
 * above those of an earlier restore too. `seen` where it is known.
 */
export async function raiseEpochAbove(on: Queryable, seen: number): Promise<number> {
  const { rows } = await on.query<{ epoch: string }>(
    `UPDATE ca_state SET epoch = greatest(
       epoch + ${RESTORED_EPOCHS}, floor(extract(epoch FROM clock_timestamp()))::bigint, $1::bigint + 1)
     RETURNING epoch::text`,
    [seen],
  );
  return Number(rows[0]?.epoch ?? Number.NaN);
}

/** In the transaction that changes what the bundle says. */
export async function raiseEpoch(on: Queryable): Promise<void> {
  await on.query('UPDATE ca_state SET epoch = epoch + 1');
}

export async function readEpoch(
  on: Queryable,
): Promise<{ readonly now: Date; readonly epoch: number }> {
  const { rows } = await on.query<{ now: Date; epoch: string }>(
    'SELECT now() AS now, epoch::text FROM ca_state',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the CA has no state');
  return { now: row.now, epoch: Number(row.epoch) };
}
