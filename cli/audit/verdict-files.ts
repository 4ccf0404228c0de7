import {
  checkAgainst,
  type Evidence,
  EvidenceOfVerdict,
  JsonError,
  OwnContext,
  parseStrictJson,
  SchemaError,
  SharedContext,
  type StoredContext,
  type StoredVerdict,
} from '@touchstone/schemas';
import { contextDigestOf } from '@touchstone/appraisal';
import { type Content, isNamed } from './content.ts';
import type { Difference } from './difference-reasons.ts';

/** What `touchstone appraise --evidence --context` reads. */
export type VerdictFiles = { readonly evidence: Evidence; readonly context: StoredContext };

/** What a verdict was made from, put together from what is stored; or why that cannot be. */
export async function verdictFiles(
  verdict: StoredVerdict & { readonly context: NonNullable<StoredVerdict['context']> },
  content: Content,
): Promise<VerdictFiles | Difference> {
  const evidence = await evidenceOf(verdict, content);
  if ('code' in evidence) return evidence;
  const context = await contextOf(verdict.context, content);
  return 'code' in context ? context : { evidence, context };
}

async function evidenceOf(
  { evidence, evidenceDigest }: StoredVerdict,
  content: Content,
): Promise<Evidence | Difference> {
  if (evidence === null) return { code: 'EVIDENCE_GONE', where: evidenceDigest };
  const stored = inShape(() => checkAgainst(EvidenceOfVerdict, evidence));
  if (stored === null) return { code: 'EVIDENCE_CHANGED', where: evidenceDigest };
  const { statement, quote, pcrs, blobs, imaList: list } = stored;
  const logs: Record<string, string> = {};
  for (const digest of [...blobs, ...(list?.digest ? [list.digest] : [])]) {
    const bytes = await content.get(digest);
    if (bytes === null) return { code: 'EVIDENCE_GONE', where: `log ${digest}` };
    logs[digest] = Buffer.from(bytes).toString('base64url');
  }
  const entries = list?.digest ? (logs[list.digest] ?? '') : '';
  return {
    ...{ schema: 'touchstone/evidence/1', statement, quote, pcrs },
    blobs: Object.fromEntries(blobs.map((digest) => [digest, logs[digest] ?? ''])),
    ...(list === null ? {} : { imaList: { entries, ...(list.more ? { more: true } : {}) } }),
  };
}

async function contextOf(
  { digest, shared: sharedDigest, own: stored }: NonNullable<StoredVerdict['context']>,
  content: Content,
): Promise<StoredContext | Difference> {
  if (stored === null)
    return { code: 'CONTEXT_GONE', where: 'the key that the evidence was verified by' };
  const own = inShape(() => checkAgainst(OwnContext, stored));
  if (own === null || contextDigestOf(own, sharedDigest) !== digest) {
    return { code: 'CONTEXT_CHANGED', where: 'what is its own' };
  }
  const text = await named(content, sharedDigest, 'shared context');
  if (typeof text !== 'string') return text;
  const shared = inShape(() =>
    checkAgainst(SharedContext, parseStrictJson(Buffer.from(text), LARGE)),
  );
  if (shared === null) return { code: 'CONTEXT_CHANGED', where: `shared context ${sharedDigest}` };
  const documents: Record<string, string> = {};
  for (const name of documentsNamedBy(shared)) {
    const document = await named(content, name, 'document');
    if (typeof document !== 'string') return document;
    documents[name] = document;
  }
  return { schema: 'touchstone/context/1', own, shared, documents };
}

const LARGE = { maxBytes: 67_108_864 };

const documentsNamedBy = ({ baselines, windows, known }: SharedContext): ReadonlySet<string> =>
  new Set([...baselines, ...windows.flatMap(({ documents }) => documents), ...known]);

/** Text by its digest. What is there is changed where it is of another. */
async function named(content: Content, digest: string, what: string): Promise<string | Difference> {
  const where = `${what} ${digest}`;
  const bytes = await content.get(digest);
  if (bytes === null) return { code: 'CONTEXT_GONE', where };
  if (!isNamed(bytes, digest)) return { code: 'CONTEXT_CHANGED', where };
  return Buffer.from(bytes).toString('utf8');
}

/** Null for what does not have its shape. */
function inShape<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof SchemaError || error instanceof JsonError) return null;
    throw error;
  }
}
