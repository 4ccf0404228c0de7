import {
  Uuid,
  type StoredBlob,
  type StoredVerdict,
  type VerdictDay,
  type VerdictDays,
  type VerdictPage,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { blobByDigest } from '../store/blobs.ts';
import type { PageAfter } from '../store/page.ts';
import { verdictById, verdictDays, verdictsOfDay } from '../store/verdicts.ts';
import { type Page, pageOf } from './paging.ts';
import type { Verifier } from './verifier.ts';

/** What is stored of verdicts, for whoever makes them again: nothing of it is believed from here. */
type Stored = Pick<Verifier, 'database'>;

/** A verdict may have thousands of events: a page of so many stays below what a client reads. */
const MOST_OF_PAGE = 10;

export const viewVerdictDays = async ({ database }: Stored): Promise<VerdictDays> => ({
  days: await verdictDays(database),
});

export async function listVerdicts(
  { database }: Stored,
  day: VerdictDay,
  { limit, cursor }: Page,
): Promise<VerdictPage> {
  const page = { limit: Math.min(limit, MOST_OF_PAGE), cursor };
  const { rows: verdicts, next } = await pageOf(page, {
    key: Uuid,
    load: (after: PageAfter<string>) => verdictsOfDay(database, day, after),
    keyOf: ({ id }) => id,
  });
  return { verdicts, ...next };
}

/** @throws AppError VERDICT_UNKNOWN */
export async function viewVerdict({ database }: Stored, id: string): Promise<StoredVerdict> {
  const verdict = await verdictById(database, id);
  if (verdict === null) throw refusal('VERDICT_UNKNOWN', { detail: id });
  return verdict;
}

/** @throws AppError BLOB_UNKNOWN */
export async function viewBlob({ database }: Stored, digest: string): Promise<StoredBlob> {
  const bytes = await blobByDigest(database, digest);
  if (bytes === null) throw refusal('BLOB_UNKNOWN', { detail: digest });
  return { digest, bytes: Buffer.from(bytes).toString('base64url') };
}
