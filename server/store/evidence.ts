import type { WrittenSharedContext } from '@touchstone/appraisal';
import type { Evidence, Selection } from '@touchstone/schemas';
import type { DatedReference } from './attestations.ts';
import { keepBlobs } from './blobs.ts';
import { blobOfContext, keepDocuments } from './contexts.ts';
import type { Queryable } from './database.ts';
import { dayOf } from './day.ts';

/** Authentic evidence as it was received, with what it was verified against. */
export type StoredEvidence = {
  readonly digest: string;
  readonly purpose: 'attest' | 'permit' | 'enrol';
  readonly evidence: Evidence;
  readonly selection: Selection;
  /** TPM2B_PUBLIC. Null of evidence from before it was stored here. */
  readonly akPublic: Uint8Array | null;
  /** DER. */
  readonly akCertificate: Uint8Array;
  readonly receivedAt: Date;
};

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');

/** With the context of the verdict on it, where one is given. */
export async function insertEvidence(
  on: Queryable,
  stored: StoredEvidence,
  context?: WrittenSharedContext,
): Promise<void> {
  const { evidence } = stored;
  const digests = Object.keys(evidence.blobs);
  const day = dayOf(stored.receivedAt);
  const logs = Object.entries(evidence.blobs).map(
    ([digest, text]) => [digest, () => bytesOf(text)] as const,
  );
  const shared = context === undefined ? [] : blobOfContext(context);
  const first = await keepBlobs(on, new Map([...logs, ...shared]), day);
  if (context !== undefined && first.has(context.digest)) await keepDocuments(on, context, day);
  await on.query(
    `INSERT INTO evidence (digest, purpose, statement, attest, signature, pcrs, blobs, selection,
                           ak_public, ak_certificate, received_at, day)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
    [
      stored.digest,
      stored.purpose,
      bytesOf(evidence.statement),
      bytesOf(evidence.quote.attest),
      bytesOf(evidence.quote.signature),
      JSON.stringify(evidence.pcrs),
      digests,
      JSON.stringify(stored.selection),
      stored.akPublic,
      stored.akCertificate,
      stored.receivedAt,
      day,
    ],
  );
}

export type EvidenceRow = {
  digest: string;
  purpose: StoredEvidence['purpose'];
  statement: Buffer;
  attest: Buffer;
  signature: Buffer;
  pcrs: Evidence['pcrs'];
  blobs: string[];
  selection: Selection;
  ak_public: Buffer | null;
  ak_certificate: Buffer;
  received_at: Date;
};

export async function evidenceByDigest(
  on: Queryable,
  { id: digest, day }: DatedReference,
): Promise<StoredEvidence | null> {
  const { rows } = await on.query<EvidenceRow>(
    `SELECT digest, purpose, statement, attest, signature, pcrs, blobs, selection, ak_public,
            ak_certificate, received_at
       FROM evidence WHERE digest = $1 AND day IN ($2::date, '-infinity')`,
    [digest, day],
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
    akPublic: row.ak_public,
    akCertificate: row.ak_certificate,
    receivedAt: row.received_at,
  };
}

/** Where it is by now: what outlived its day was moved. */
export async function evidenceNow(
  on: Queryable,
  { id, day }: DatedReference,
): Promise<DatedReference> {
  const { rows } = await on.query<DatedReference>(
    `SELECT digest AS id, day::text FROM evidence WHERE digest = $1 AND day IN ($2::date, '-infinity')`,
    [id, day],
  );
  if (rows[0] === undefined) throw new Error(`the evidence ${id} is not stored`);
  return rows[0];
}

/** Of a host that was never admitted all but its latest evidence, with the verdicts on it; of others nothing. */
export async function forgetOlderOfPending(on: Queryable, hostId: string): Promise<void> {
  await on.query('SELECT forget_older_of_pending($1)', [hostId]);
}
