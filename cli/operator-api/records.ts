import {
  AuditList,
  ReasonTitles,
  Retention,
  RetentionRun,
  StoredBlob,
  StoredVerdict,
  type VerdictDay,
  VerdictDays,
  VerdictPage,
} from '@touchstone/schemas';
import { type BearerRoutes, withQuery } from '../bearer-routes.ts';
import { BASELINE_BOUNDS } from './baseline-bounds.ts';

/** Ten of the largest. */
const MAX_VERDICT_BYTES = 134_217_728;

/** What was decided and done, what it was decided from, and for how long it is kept. */
export const recordRoutes = ({ at, get, post }: BearerRoutes) => ({
  reasons: () => get(at('reasons'), ReasonTitles),

  verdictDays: () => get(at('verdict-days'), VerdictDays),
  verdictsOfDay: (day: VerdictDay, cursor?: string) =>
    get(withQuery(at('verdict-days', day), { cursor }), VerdictPage, {
      maxBytes: MAX_VERDICT_BYTES,
      timeoutMs: 60_000,
    }),
  verdict: (id: string) => get(at('verdicts', id), StoredVerdict, { maxBytes: MAX_VERDICT_BYTES }),
  blob: (digest: string) => get(at('blobs', digest), StoredBlob, BASELINE_BOUNDS),

  audit: (cursor?: string) => get(withQuery(at('audit'), { cursor }), AuditList),

  retention: () => get(at('retention'), Retention),
  runRetention: () => post(at('retention', 'runs'), undefined, RetentionRun),
});
