import {
  BASELINE_JSON_MAX_BYTES,
  BaselineApproval,
  BaselineDraft,
  BaselineList,
  BaselineRetirement,
  PreviewPart,
  PreviewRequest,
  Slug,
} from '@touchstone/schemas';
import { approveBaselines } from '../../services/approve-baselines.ts';
import { draftBaselines } from '../../services/baselines.ts';
import { listDrafted } from '../../services/lists.ts';
import { previewPolicy } from '../../services/preview-policy.ts';
import { retireBaselines } from '../../services/retire-baselines.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Golden measurements. */
export const BASELINE_ROUTES: readonly OperatorRoute[] = [
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
    maxBytes: BASELINE_JSON_MAX_BYTES,
    answer: BaselineList,
    handle: ({ verifier, by, body }) => draftBaselines(verifier, by, body.yaml),
  }),
  route({
    method: 'POST',
    path: '/v1/previews',
    summary: 'What a change of policy would do to each host, without doing it',
    role: 'operator',
    body: PreviewRequest,
    maxBytes: BASELINE_JSON_MAX_BYTES,
    answer: PreviewPart,
    handle: ({ verifier, by, body }) => previewPolicy(verifier, by, body),
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
    method: 'POST',
    path: '/v1/baselines/:key/retirement',
    summary: 'Take the documents of one name out of the policy',
    role: 'approver',
    key: Slug,
    body: BaselineRetirement,
    answer: BaselineList,
    handle: ({ verifier, by, key, body }) => retireBaselines(verifier, by, key, body),
  }),
];
