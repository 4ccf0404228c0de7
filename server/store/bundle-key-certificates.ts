import type { Queryable } from './database.ts';

/** DER, by the key's id. */
export async function bundleKeyCertificate(on: Queryable, kid: string): Promise<Buffer | null> {
  const { rows } = await on.query<{ certificate: Buffer }>(
    'SELECT certificate FROM bundle_key_certificates WHERE kid = $1',
    [kid],
  );
  return rows[0]?.certificate ?? null;
}

export async function storeBundleKeyCertificate(
  on: Queryable,
  { kid, certificate, now }: { kid: string; certificate: Uint8Array; now: Date },
): Promise<void> {
  await on.query(
    `INSERT INTO bundle_key_certificates (kid, certificate, stored_at) VALUES ($1, $2, $3)
     ON CONFLICT (kid) DO UPDATE
       SET certificate = EXCLUDED.certificate, stored_at = EXCLUDED.stored_at`,
    [kid, certificate, now],
  );
}
