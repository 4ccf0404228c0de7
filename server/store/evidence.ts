import type { WrittenSharedContext } from '@touchstone/appraisal';
import type { Evidence, ImaList, Selection } from '@touchstone/schemas';
import type { DatedReference } from './attestations.ts';
import { blobByDigest, digestOfBlob, keepBlobs } from './blobs.ts';
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
  const entries = bytesOf(evidence.imaList?.entries ?? '');
  const list = entries.length === 0 ? [] : [[digestOfBlob(entries), () => entries] as const];
  const shared = context === undefined ? [] : blobOfContext(context);
  const first = await keepBlobs(on, new Map([...logs, ...list, ...shared]), day);
  if (context !== undefined && first.has(context.digest)) await keepDocuments(on, context, day);
  await on.query(
    `INSERT INTO evidence (digest, purpose, statement, attest, signature, pcrs, blobs, selection,
                           ak_public, ak_certificate, received_at, day, ima_list, ima_more)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`,
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
      evidence.imaList === undefined ? null : (list[0]?.[0] ?? ''),
      evidence.imaList?.more === true,
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
  /** '' for a list that has nothing new. */
  ima_list: string | null;
  ima_more: boolean;
};

export async function evidenceByDigest(
  on: Queryable,
  { id: digest, day }: DatedReference,
): Promise<StoredEvidence | null> {
  const { rows } = await on.query<EvidenceRow>(
    `SELECT digest, purpose, statement, attest, signature, pcrs, blobs, selection, ak_public,
            ak_certificate, received_at, ima_list, ima_more
       FROM evidence WHERE digest = $1 AND day IN ($2::date, '-infinity')`,
    [digest, day],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const blobs = await on.query<{ digest: string; bytes: Buffer }>(
    'SELECT digest, bytes FROM blobs WHERE digest = ANY ($1)',
    [row.blobs],
  );
  const imaList = row.ima_list === null ? {} : { imaList: await imaListOf(on, row) };
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
      ...imaList,
    },
    selection: row.selection,
    akPublic: row.ak_public,
    akCertificate: row.ak_certificate,
    receivedAt: row.received_at,
  };
}

/** A list whose bytes are gone leads nowhere, and is found to. */
async function imaListOf(
  on: Queryable,
  { ima_list: digest, ima_more: more }: Pick<EvidenceRow, 'ima_list' | 'ima_more'>,
): Promise<ImaList> {
  const bytes = digest === null || digest === '' ? null : await blobByDigest(on, digest);
  const entries = bytes === null ? '' : Buffer.from(bytes).toString('base64url');
  return { entries, ...(more ? { more } : {}) };
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
