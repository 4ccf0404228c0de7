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
  HostApproval,
  HostDetail,
  HostExplanation,
  HostList,
  HostRevocation,
  JoinToken,
  JoinTokenCreated,
  JoinTokenList,
  JoinTokenRequest,
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
import type { Verifier } from '../services/verifier.ts';
import { registerVm, viewStarts, viewVm } from '../services/vms.ts';

/** One operator call, authenticated, authorised and parsed. */
export type Call<B> = {
  readonly verifier: Verifier;
  readonly by: ApiToken;
  /** The path's one parameter, or empty. */
  readonly key: string;
  readonly name: string | undefined;
  readonly body: B;
};

export type OperatorRoute = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With at most one parameter, `:key`. */
  readonly path: string;
  /** Any role reads what `viewer` reads. */
  readonly role: Role;
  readonly key?: TSchema;
  readonly takesName?: true;
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

/** YAML inside JSON may double in escaping. */
const BASELINE_BYTES = 16_777_216;

/** Every operator call there is, with the role that it needs. */
export const OPERATOR_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/session',
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
    path: '/v1/hosts',
    role: 'viewer',
    answer: HostList,
    handle: ({ verifier }) => viewHosts(verifier),
  }),
  route({
    method: 'GET',
    path: '/v1/hosts/:key',
    role: 'viewer',
    key: Slug,
    answer: HostDetail,
    handle: ({ verifier, key }) => viewHost(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/hosts/:key/explanation',
    role: 'viewer',
    key: Slug,
    answer: HostExplanation,
    handle: ({ verifier, key }) => explainHost(verifier, key),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/approval',
    role: 'approver',
    key: Slug,
    body: HostApproval,
    answer: HostDetail,
    handle: ({ verifier, by, key, body }) => approveHost(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/revocation',
    role: 'approver',
    key: Slug,
    body: HostRevocation,
    answer: HostDetail,
    handle: ({ verifier, by, key, body }) => revokeHost(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/hosts/:key/baseline',
    role: 'operator',
    key: Slug,
    body: BaselineCapture,
    answer: BaselineList,
    handle: ({ verifier, by, key, body }) => captureBaseline(verifier, by, key, body),
  }),

  route({
    method: 'GET',
    path: '/v1/replacements',
    role: 'viewer',
    answer: ReplacementList,
    handle: ({ verifier }) => viewReplacements(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/replacements/:key/approval',
    role: 'approver',
    key: Uuid,
    body: ReplacementApproval,
    answer: Replacement,
    handle: ({ verifier, by, key, body }) => approveReplacement(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/replacements/:key/rejection',
    role: 'approver',
    key: Uuid,
    body: ReplacementRejection,
    answer: Replacement,
    handle: ({ verifier, by, key, body }) => rejectReplacement(verifier, by, key, body),
  }),
  route({
    method: 'GET',
    path: '/v1/alerts',
    role: 'viewer',
    answer: AlertList,
    handle: ({ verifier }) => listRaised(verifier),
  }),

  route({
    method: 'GET',
    path: '/v1/baselines',
    role: 'viewer',
    takesName: true,
    answer: BaselineList,
    handle: ({ verifier, name }) => listDrafted(verifier, name),
  }),
  route({
    method: 'POST',
    path: '/v1/baselines',
    role: 'operator',
    body: BaselineDraft,
    maxBytes: BASELINE_BYTES,
    answer: BaselineList,
    handle: ({ verifier, by, body }) => draftBaselines(verifier, by, body.yaml),
  }),
  route({
    method: 'POST',
    path: '/v1/baselines/:key/approval',
    role: 'approver',
    key: Slug,
    body: BaselineApproval,
    answer: BaselineList,
    handle: ({ verifier, by, key, body }) => approveBaselines(verifier, by, key, body),
  }),

  route({
    method: 'GET',
    path: '/v1/vms',
    role: 'viewer',
    answer: VmList,
    handle: ({ verifier }) => listRegistered(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/vms',
    role: 'operator',
    body: Vm,
    answer: Vm,
    handle: ({ verifier, by, body }) => registerVm(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key',
    role: 'viewer',
    key: Uuid,
    answer: Vm,
    handle: ({ verifier, key }) => viewVm(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key/starts',
    role: 'viewer',
    key: Uuid,
    answer: VmStarts,
    handle: ({ verifier, key }) => viewStarts(verifier, key),
  }),

  route({
    method: 'GET',
    path: '/v1/join-tokens',
    role: 'operator',
    answer: JoinTokenList,
    handle: ({ verifier }) => listJoining(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/join-tokens',
    role: 'operator',
    body: JoinTokenRequest,
    answer: JoinTokenCreated,
    handle: ({ verifier, by, body }) => createJoinToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/join-tokens/:key',
    role: 'operator',
    key: Uuid,
    answer: JoinToken,
    handle: ({ verifier, by, key }) => revokeJoinToken(verifier, by, key),
  }),

  route({
    method: 'GET',
    path: '/v1/tokens',
    role: 'operator',
    answer: ApiTokenList,
    handle: ({ verifier }) => listTokens(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/tokens',
    role: 'operator',
    body: ApiTokenRequest,
    answer: ApiTokenCreated,
    handle: ({ verifier, by, body }) => createApiToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/:key',
    role: 'operator',
    key: Uuid,
    answer: ApiToken,
    handle: ({ verifier, by, key }) => revokeApiToken(verifier, by, key),
  }),

  route({
    method: 'GET',
    path: '/v1/audit',
    role: 'viewer',
    answer: AuditList,
    handle: ({ verifier }) => listAuditLog(verifier),
  }),
];
