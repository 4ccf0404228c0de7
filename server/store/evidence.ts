import type { Evidence, Selection } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** Authentic evidence as it was received, with what it was verified against. */
export type StoredEvidence = {
  readonly digest: string;
  readonly purpose: 'attest' | 'permit' | 'enrol';
  readonly evidence: Evidence;
  readonly selection: Selection;
  /** DER. */
  readonly akCertificate: Uint8Array;
  readonly receivedAt: Date;
};

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');

/** Blobs are shared: equal logs of a thousand hosts are stored once. */
export async function insertEvidence(on: Queryable, stored: StoredEvidence): Promise<void> {
  const { evidence } = stored;
  const digests = Object.keys(evidence.blobs);
  for (const digest of digests) {
    await on.query('INSERT INTO blobs (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      digest,
      bytesOf(evidence.blobs[digest] ?? ''),
    ]);
  }
  await on.query(
    `INSERT INTO evidence (digest, purpose, statement, attest, signature, pcrs, blobs, selection,
                           ak_certificate, received_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      stored.digest,
      stored.purpose,
      bytesOf(evidence.statement),
      bytesOf(evidence.quote.attest),
      bytesOf(evidence.quote.signature),
      JSON.stringify(evidence.pcrs),
      digests,
      JSON.stringify(stored.selection),
      stored.akCertificate,
      stored.receivedAt,
    ],
  );
}

type EvidenceRow = {
  digest: string;
  purpose: StoredEvidence['purpose'];
  statement: Buffer;
  attest: Buffer;
  signature: Buffer;
  pcrs: Evidence['pcrs'];
  blobs: string[];
  selection: Selection;
  ak_certificate: Buffer;
  received_at: Date;
};

export async function evidenceByDigest(
  on: Queryable,
  digest: string,
): Promise<StoredEvidence | null> {
  const { rows } = await on.query<EvidenceRow>(
    `SELECT digest, purpose, statement, attest, signature, pcrs, blobs, selection, ak_certificate,
            received_at
       FROM evidence WHERE digest = $1`,
    [digest],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const blobs = await on.query<{ digest: string; bytes: Buffer }>(
    'SELECT digest, bytes FROM blobs WHERE digest = ANY ($1)',
    [row.blobs],
  );
  return {
    digest: row.digest,
    purpose: row.purpose,
    evidence: {
      schema: 'touchstone/evidence/1',
      statement: row.statement.toString('base64url'),
      quote: {
        attest: row.attest.toString('base64url'),
        signature: row.signature.toString('base64url'),
      },
      pcrs: row.pcrs,
      blobs: Object.fromEntries(
        blobs.rows.map((blob) => [blob.digest, blob.bytes.toString('base64url')]),
      ),
    },
    selection: row.selection,
    akCertificate: row.ak_certificate,
    receivedAt: row.received_at,
  };
}
