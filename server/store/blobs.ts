import { hashHex } from '@touchstone/tpm';
import type { Queryable } from './database.ts';

/** SHA-256, lower-case hex. */
export const digestOfBlob = (bytes: Uint8Array): string => hashHex('sha256', bytes);

/** Bytes by their SHA-256, lower-case hex, each given when it is asked for. */
export type Blobs = ReadonlyMap<string, () => Uint8Array>;

/**
 * Keeps bytes that verdicts rest on: logs, contexts, baseline documents. Equal ones of a thousand hosts are stored
 * once. What came today already is stored, nothing that ends with its time takes it away, and its bytes are not
 * sent again: given are the digests that came for the first time on that day.
 */
export async function keepBlobs(
  on: Queryable,
  blobs: Blobs,
  day: string,
): Promise<ReadonlySet<string>> {
  const { rows } = await on.query<{ digest: string }>(
    'SELECT digest FROM blobs WHERE digest = ANY ($1) AND last_day >= $2::date',
    [[...blobs.keys()], day],
  );
  const stored = new Set(rows.map(({ digest }) => digest));
  const first = [...blobs].filter(([digest]) => !stored.has(digest));
  for (const [digest, bytes] of first) {
    await on.query(
      'INSERT INTO blobs (digest, bytes, last_day) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [digest, bytes(), day],
    );
  }
  // The first of each day alone writes here, so that hosts with one log do not wait for each other.
  const digests = first.map(([digest]) => digest);
  if (digests.length > 0) {
    await on.query(
      'UPDATE blobs SET last_day = $2 WHERE digest = ANY ($1) AND last_day < $2::date',
      [digests, day],
    );
  }
  return new Set(digests);
}

export async function blobByDigest(on: Queryable, digest: string): Promise<Uint8Array | null> {
  const { rows } = await on.query<{ bytes: Buffer }>('SELECT bytes FROM blobs WHERE digest = $1', [
    digest,
  ]);
  return rows[0]?.bytes ?? null;
}
