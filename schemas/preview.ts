import { Type } from 'typebox';
import { BaselinePart } from './baseline.ts';
import { BASELINE_JSON_MAX_BYTES } from './baseline-text.ts';
import { HostState } from './classes.ts';
import { Finding } from './finding.ts';
import { Cursor } from './paging.ts';
import { Verdict } from './result.ts';
import { closed, oneOf, Slug, Uuid } from './scalars.ts';

/**
 * POST /v1/previews: what a change of policy would do, without doing it. Drafts of a name approved, or one part or
 * version; documents that were never drafted; documents of a name retired. Answered in parts, for as many hosts as
 * there are: the same again with the cursor of the part before goes on.
 */
export const PreviewRequest = closed({
  change: Type.Union([
    closed({
      kind: Type.Literal('approval'),
      name: Slug,
      part: Type.Optional(BaselinePart),
      version: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    closed({
      kind: Type.Literal('documents'),
      yaml: Type.String({ minLength: 1, maxLength: BASELINE_JSON_MAX_BYTES }),
    }),
    closed({
      kind: Type.Literal('retirement'),
      name: Slug,
      part: Type.Optional(BaselinePart),
    }),
  ]),
  cursor: Type.Optional(Cursor),
});
export type PreviewRequest = Type.Static<typeof PreviewRequest>;

/** A host that would change its state, with the first reasons why it is not trusted: then, or now. */
export const PreviewedHost = closed({
  id: Uuid,
  name: Slug,
  from: HostState,
  to: HostState,
  verdict: Verdict,
  findings: Type.Array(Finding, { maxItems: 3 }),
  /** Registered VMs that it was the last to start: they would start there no more, or again. */
  vms: Type.Array(closed({ uuid: Uuid, name: Slug }), { maxItems: 1_000 }),
});
export type PreviewedHost = Type.Static<typeof PreviewedHost>;

/** One part of it. `unverified`: what is stored of these is no evidence any more, so that nothing changes for them. */
export const PreviewPart = closed({
  documents: Type.Array(
    closed({
      name: Slug,
      part: BaselinePart,
      version: Type.Integer({ minimum: 1 }),
      becomes: oneOf('active', 'retired'),
    }),
    { maxItems: 128 },
  ),
  /** Whether the change takes the quorum. */
  loosens: Type.Boolean(),
  /** Hosts of this part that it is for. */
  hosts: Type.Integer({ minimum: 0 }),
  stay: closed({ trusted: Type.Integer({ minimum: 0 }), untrusted: Type.Integer({ minimum: 0 }) }),
  unverified: Type.Integer({ minimum: 0 }),
  changed: Type.Array(PreviewedHost, { maxItems: 1_000 }),
  nextCursor: Type.Optional(Cursor),
});
export type PreviewPart = Type.Static<typeof PreviewPart>;
