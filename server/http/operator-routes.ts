import type { Static, TSchema } from 'typebox';
import {
  AlertList,
  ApiToken,
  ApiTokenCreated,
  ApiTokenList,
  ApiTokenRequest,
  AuditList,
  BaselineApproval,
  BaselineCapture,
  BaselineDraft,
  BaselineList,
  Cursor,
  HostApproval,
  HostDetail,
  HostExplanation,
  HostList,
  HostRevocation,
  JoinToken,
  JoinTokenCreated,
  JoinTokenList,
  JoinTokenRequest,
  PageLimit,
  ReasonTitles,
  Replacement,
  ReplacementApproval,
  ReplacementList,
  ReplacementRejection,
  type Role,
  Session,
  Slug,
  Uuid,
  Vm,
  VmList,
  VmStarts,
} from '@touchstone/schemas';
import { createApiToken, revokeApiToken } from '../services/api-tokens.ts';
import { approveBaselines } from '../services/approve-baselines.ts';
import { approveHost, revokeHost } from '../services/approve-host.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import {
  approveReplacement,
  rejectReplacement,
  viewReplacements,
} from '../services/decide-replacement.ts';
import { explainHost, viewHost, viewHosts } from '../services/host-views.ts';
import { createJoinToken, revokeJoinToken } from '../services/join-tokens.ts';
import {
  listAuditLog,
  listDrafted,
  listJoining,
  listRaised,
  listRegistered,
  listTokens,
} from '../services/lists.ts';
import type { Page } from '../services/paging.ts';
import { listReasons } from '../services/reasons.ts';
import type { Verifier } from '../services/verifier.ts';
import { registerVm, viewStarts, viewVm } from '../services/vms.ts';

/** One operator call, authenticated, authorised and parsed. */
export type Call<B> = {
  readonly verifier: Verifier;
  readonly by: ApiToken;
  /** The path's one parameter, or empty. */
  readonly key: string;
  readonly name: string | undefined;
  /** The first, where the route has no pages. */
  readonly page: Page;
  readonly body: B;
};

export type OperatorRoute = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With at most one parameter, `:key`. */
  readonly path: string;
  readonly summary: string;
  /** Any role reads what `viewer` reads. */
  readonly role: Role;
  readonly key?: TSchema;
  readonly takesName?: true;
  /** A list, given page by page. */
  readonly paged?: true;
  /** Answered with an ETag, and with 304 to whoever has it. */
  readonly tagged?: true;
  readonly body?: TSchema;
  readonly maxBytes?: number;
  readonly answer: TSchema;
  readonly handle: (call: Call<never>) => Promise<unknown>;
};

type Typed<B extends TSchema, A extends TSchema> = Omit<
  OperatorRoute,
  'body' | 'answer' | 'handle'
> & {
  readonly body?: B;
  readonly answer: A;
  readonly handle: (call: Call<Static<B>>) => Promise<Static<A>>;
};

const route = <B extends TSchema, A extends TSchema>(typed: Typed<B, A>): OperatorRoute => typed;

/** The query parameters that a route takes. */
export const queryOf = ({ takesName, paged }: OperatorRoute): Record<string, TSchema> => ({
  ...(takesName === true ? { name: Slug } : {}),
  ...(paged === true ? { limit: PageLimit, cursor: Cursor } : {}),
});

/** YAML inside JSON may double in escaping. */
const BASELINE_BYTES = 16_777_216;

/** Every operator call there is, with the role that it needs. */
export const OPERATOR_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/session',
    summary: 'Who the bearer token is',
    role: 'viewer',
    answer: Session,
    handle: async ({ verifier: { settings }, by: { id, name, roles } }) => ({
      tokenId: id,
      name,
      roles,
      quorum: settings.quorum,
      server: settings.publicUrl,
    }),
  }),

  route({
    method: 'GET',
    path: '/v1/reasons',
    summary: 'What the codes of findings mean in words',
    role: 'viewer',
    answer: ReasonTitles,
    handle: () => Promise.resolve(listReasons()),
  }),

  route({
    method: 'GET',
    path: '/v1/hosts',
    summary: 'Every host, by name; those that wait for approval last',
    paged: true,
    role: 'viewer',
    answer: HostList,
    handle: ({ verifier, page }) => viewHosts(verifier, page),
  }),
  route({
    method: 'GET',
    path: '/v1/hosts/:key',
    summary: 'One host, by id or name',
    tagged: true,
    role: 'viewer',
    key: Slug,
    answer: HostDetail,
    handle: ({ verifier, key }) => viewHost(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/hosts/:key/explanation',
    summary: 'Its last appraisal in full',
    role: 'viewer',
    key: Slug,
    answer: HostExplanation,
    handle: ({ verifier, key }) => explainHost(verifier, key),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/approval',
    summary: 'Approve its AK Name',
    role: 'approver',
    key: Slug,
    body: HostApproval,
    answer: HostDetail,
    handle: ({ verifier, by, key, body }) => approveHost(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/revocation',
    summary: 'Revoke it for good',
    role: 'approver',
    key: Slug,
    body: HostRevocation,
    answer: HostDetail,
    handle: ({ verifier, by, key, body }) => revokeHost(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/baseline',
    summary: 'Draft baselines from its last evidence',
    role: 'operator',
    key: Slug,
    body: BaselineCapture,
    answer: BaselineList,
    handle: ({ verifier, by, key, body }) => captureBaseline(verifier, by, key, body),
  }),

  route({
    method: 'GET',
    path: '/v1/replacements',
    summary: 'Other identities that were offered for known hosts',
    role: 'viewer',
    answer: ReplacementList,
    handle: ({ verifier }) => viewReplacements(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/replacements/:key/approval',
    summary: 'Let the offered identity take the place of the recorded one',
    role: 'approver',
    key: Uuid,
    body: ReplacementApproval,
    answer: Replacement,
    handle: ({ verifier, by, key, body }) => approveReplacement(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/replacements/:key/rejection',
    summary: 'Leave the recorded identity as it is',
    role: 'approver',
    key: Uuid,
    body: ReplacementRejection,
    answer: Replacement,
    handle: ({ verifier, by, key, body }) => rejectReplacement(verifier, by, key, body),
  }),
  route({
    method: 'GET',
    path: '/v1/alerts',
    summary: 'What people should look at',
    role: 'viewer',
    answer: AlertList,
    handle: ({ verifier }) => listRaised(verifier),
  }),

  route({
    method: 'GET',
    path: '/v1/baselines',
    summary: 'Every baseline document',
    paged: true,
    tagged: true,
    role: 'viewer',
    takesName: true,
    answer: BaselineList,
    handle: ({ verifier, name, page }) => listDrafted(verifier, page, name),
  }),
  route({
    method: 'POST',
    path: '/v1/baselines',
    summary: 'Draft baselines from YAML',
    role: 'operator',
    body: BaselineDraft,
    maxBytes: BASELINE_BYTES,
    answer: BaselineList,
    handle: ({ verifier, by, body }) => draftBaselines(verifier, by, body.yaml),
  }),
  route({
    method: 'POST',
    path: '/v1/baselines/:key/approval',
    summary: 'Make drafts of one name the policy',
    role: 'approver',
    key: Slug,
    body: BaselineApproval,
    answer: BaselineList,
    handle: ({ verifier, by, key, body }) => approveBaselines(verifier, by, key, body),
  }),

  route({
    method: 'GET',
    path: '/v1/vms',
    summary: 'Every registered VM, by name',
    paged: true,
    role: 'viewer',
    answer: VmList,
    handle: ({ verifier, page }) => listRegistered(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/vms',
    summary: 'Register a VM',
    role: 'operator',
    body: Vm,
    answer: Vm,
    handle: ({ verifier, by, body }) => registerVm(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key',
    summary: 'One VM',
    tagged: true,
    role: 'viewer',
    key: Uuid,
    answer: Vm,
    handle: ({ verifier, key }) => viewVm(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key/starts',
    summary: 'Who asked to start it, and what became of that',
    paged: true,
    role: 'viewer',
    key: Uuid,
    answer: VmStarts,
    handle: ({ verifier, key, page }) => viewStarts(verifier, key, page),
  }),

  route({
    method: 'GET',
    path: '/v1/join-tokens',
    summary: 'Every join token, without its secret',
    paged: true,
    role: 'operator',
    answer: JoinTokenList,
    handle: ({ verifier, page }) => listJoining(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/join-tokens',
    summary: 'Make a join token',
    role: 'operator',
    body: JoinTokenRequest,
    answer: JoinTokenCreated,
    handle: ({ verifier, by, body }) => createJoinToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/join-tokens/:key',
    summary: 'Revoke a join token',
    role: 'operator',
    key: Uuid,
    answer: JoinToken,
    handle: ({ verifier, by, key }) => revokeJoinToken(verifier, by, key),
  }),

  route({
    method: 'GET',
    path: '/v1/tokens',
    summary: 'Every bearer token, without its secret',
    paged: true,
    role: 'operator',
    answer: ApiTokenList,
    handle: ({ verifier, page }) => listTokens(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a bearer token',
    role: 'operator',
    body: ApiTokenRequest,
    answer: ApiTokenCreated,
    handle: ({ verifier, by, body }) => createApiToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/:key',
    summary: 'Revoke a bearer token',
    role: 'operator',
    key: Uuid,
    answer: ApiToken,
    handle: ({ verifier, by, key }) => revokeApiToken(verifier, by, key),
  }),

  route({
    method: 'GET',
    path: '/v1/audit',
    summary: 'The audit log, the latest page first',
    paged: true,
    role: 'viewer',
    answer: AuditList,
    handle: ({ verifier, page }) => listAuditLog(verifier, page),
  }),
];
