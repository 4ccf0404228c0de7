import type { WrittenSharedContext } from '@touchstone/appraisal';
import { type Blobs, keepBlobs } from './blobs.ts';
import type { Queryable } from './database.ts';

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

/** Of a context what hosts share, to be kept with whatever else comes at the same time. */
export const blobOfContext = ({ digest, text }: WrittenSharedContext): Blobs =>
  new Map([[digest, () => utf8(text)]]);

/** Once a day for each context, when its blob came for the first time: the documents that it names. */
export async function keepDocuments(
  on: Queryable,
  { digest, documents }: WrittenSharedContext,
  day: string,
): Promise<void> {
  const blobs = [...documents].map(([name, text]) => [name, () => utf8(text())] as const);
  await keepBlobs(on, new Map(blobs), day);
  await on.query(
    'INSERT INTO contexts (digest, documents) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [digest, [...documents.keys()]],
  );
}

/** The context of a verdict on evidence that is stored already. */
export async function keepContext(
  on: Queryable,
  context: WrittenSharedContext,
  day: string,
): Promise<void> {
  const first = await keepBlobs(on, blobOfContext(context), day);
  if (first.has(context.digest)) await keepDocuments(on, context, day);
}
