import { CaBundle, checkAgainst } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

export async function storedCaBundle(on: Queryable): Promise<CaBundle | null> {
  const { rows } = await on.query<{ document: unknown }>('SELECT document FROM ca_bundle');
  return rows[0] === undefined ? null : checkAgainst(CaBundle, rows[0].document);
}

/** Only a newer one takes the place of the one that is there. */
export async function storeCaBundle(on: Queryable, bundle: CaBundle): Promise<void> {
  await on.query(
    `INSERT INTO ca_bundle (epoch, document) VALUES ($1, $2)
     ON CONFLICT (singleton) DO UPDATE
       SET epoch = EXCLUDED.epoch, document = EXCLUDED.document, received_at = now()
       WHERE ca_bundle.epoch < EXCLUDED.epoch`,
    [bundle.epoch, JSON.stringify(bundle)],
  );
}
