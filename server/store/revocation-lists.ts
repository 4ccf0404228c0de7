import type { Queryable } from './database.ts';

export type StoredRevocationList = {
  readonly issuerKeyId: string;
  readonly partition: number;
  readonly der: Uint8Array;
  readonly storedAt: Date;
};

/** What was stored since; a list that another transaction stores at the same time is given once more the next time. */
export async function revocationListsSince(
  on: Queryable,
  since: Date,
): Promise<StoredRevocationList[]> {
  const { rows } = await on.query<{
    issuer_key_id: string;
    partition: number;
    der: Buffer;
    stored_at: Date;
  }>(
    `SELECT issuer_key_id, partition, der, stored_at FROM revocation_lists
     WHERE stored_at > $1::timestamptz - interval '10 seconds' ORDER BY stored_at`,
    [since],
  );
  return rows.map(({ issuer_key_id: issuerKeyId, partition, der, stored_at: storedAt }) => ({
    ...{ issuerKeyId, partition, der, storedAt },
  }));
}

/** Only one of a greater number takes the place of the one that is there. */
export async function storeRevocationList(
  on: Queryable,
  list: {
    readonly place: { readonly issuerKeyId: string; readonly partition: number };
    readonly number: bigint;
    readonly der: Uint8Array;
    readonly nextUpdate: Date;
  },
): Promise<void> {
  const { place, number, der, nextUpdate } = list;
  await on.query(
    `INSERT INTO revocation_lists AS held (issuer_key_id, partition, number, der, next_update)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (issuer_key_id, partition) DO UPDATE
       SET number = EXCLUDED.number, der = EXCLUDED.der, next_update = EXCLUDED.next_update, live = true,
           stored_at = clock_timestamp()
       WHERE held.number < EXCLUDED.number`,
    [place.issuerKeyId, place.partition, number.toString(), der, nextUpdate],
  );
}

/** The CA gives lists: by its index these, and no other has certificates that have not ended. */
export async function storeIndex(on: Queryable, keys: readonly string[]): Promise<void> {
  await on.query('INSERT INTO revocation_index DEFAULT VALUES ON CONFLICT DO NOTHING');
  await on.query(
    `UPDATE revocation_lists SET live = NOT live
     WHERE live <> (issuer_key_id || '/' || partition = ANY ($1))`,
    [keys],
  );
}

export async function isIndexKnown(on: Queryable): Promise<boolean> {
  const { rows } = await on.query('SELECT 1 FROM revocation_index');
  return rows.length > 0;
}

/** The first of the lists that hosts need to be followed by a newer one: until when it is good. Null: there is none. */
export async function firstNextUpdate(on: Queryable): Promise<Date | null> {
  const { rows } = await on.query<{ first: Date | null }>(
    'SELECT min(next_update) AS first FROM revocation_lists WHERE live',
  );
  return rows[0]?.first ?? null;
}

/** Of issuers that the CA's bundle has no more nobody's certificate is looked up. */
export async function forgetListsOfOthers(
  on: Queryable,
  issuerKeyIds: readonly string[],
): Promise<void> {
  await on.query('DELETE FROM revocation_lists WHERE issuer_key_id <> ALL ($1)', [issuerKeyIds]);
}
