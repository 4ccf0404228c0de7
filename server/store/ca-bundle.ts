import { Type } from 'typebox';
import { CaBundle, checkAgainst, mapOf } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** By key id. */
const RefusedSince = mapOf('^[0-9a-f]{40,64}$', Type.String({ maxLength: 40 }), 64);

export type StoredCaBundle = {
  readonly bundle: CaBundle;
  /** Since when an issuer is known for refused, by its key id. */
  readonly refusedSince: ReadonlyMap<string, Date>;
  readonly receivedAt: Date;
};

export async function storedCaBundle(on: Queryable): Promise<StoredCaBundle | null> {
  const { rows } = await on.query<{ document: unknown; refused_since: unknown; received_at: Date }>(
    'SELECT document, refused_since, received_at FROM ca_bundle',
  );
  const [row] = rows;
  if (row === undefined) return null;
  const since = Object.entries(checkAgainst(RefusedSince, row.refused_since));
  return {
    bundle: checkAgainst(CaBundle, row.document),
    refusedSince: new Map(since.map(([keyId, at]) => [keyId, new Date(at)])),
    receivedAt: row.received_at,
  };
}

/** 0 where there is none. */
export async function storedCaEpoch(on: Queryable): Promise<number> {
  const { rows } = await on.query<{ epoch: string }>('SELECT epoch FROM ca_bundle');
  return Number(rows[0]?.epoch ?? 0);
}

/** Only a newer one takes the place of the one that is there. Whoever was refused before stays so since then. */
export async function storeCaBundle(on: Queryable, bundle: CaBundle): Promise<void> {
  const refused = bundle.issuers.filter(({ state }) => state === 'refused');
  await on.query(
    `INSERT INTO ca_bundle (epoch, document, refused_since)
     SELECT $1, $2, coalesce(jsonb_object_agg(key, now()) FILTER (WHERE key IS NOT NULL), '{}')
       FROM unnest($3::text[]) key
     ON CONFLICT (singleton) DO UPDATE
       SET epoch = EXCLUDED.epoch, document = EXCLUDED.document, received_at = now(),
           refused_since = (SELECT coalesce(jsonb_object_agg(key, coalesce(ca_bundle.refused_since -> key, at)), '{}')
                              FROM jsonb_each(EXCLUDED.refused_since) AS refused (key, at))
       WHERE ca_bundle.epoch < EXCLUDED.epoch`,
    [bundle.epoch, JSON.stringify(bundle), refused.map(({ keyId }) => keyId)],
  );
}
