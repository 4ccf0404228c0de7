import type { Queryable } from './database.ts';

/** Those that may renew. */
const RENEWS = `removed_at IS NULL AND state <> 'revoked'`;

/** Whether any host is held to a certificate of one of these issuers. */
export async function holdsOneOf(on: Queryable, keyIds: readonly string[]): Promise<boolean> {
  const { rows } = await on.query<{ any: boolean }>(
    `SELECT EXISTS (SELECT FROM hosts WHERE ak_issuer = ANY ($1) AND ${RENEWS}) AS any`,
    [keyIds],
  );
  return rows[0]?.any === true;
}

export async function issuerHeldTo(
  on: Queryable,
  akName: string,
): Promise<{ akIssuer: string; ekRef: string } | null> {
  const { rows } = await on.query<{ ak_issuer: string; ek_ref: string }>(
    `SELECT ak_issuer, ek_ref FROM hosts WHERE ak_name = $1 AND ${RENEWS}`,
    [akName],
  );
  const [row] = rows;
  return row === undefined ? null : { akIssuer: row.ak_issuer, ekRef: row.ek_ref };
}
