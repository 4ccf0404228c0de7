import {
  Approval,
  ApprovalList,
  QuorumChange,
  QuorumStatus,
  ReasonTitles,
  Session,
  Uuid,
} from '@touchstone/schemas';
import { viewObservation } from '../../services/gate-mode.ts';
import {
  changeQuorum,
  viewApprovals,
  viewQuorum,
  withdrawApproval,
} from '../../services/quorum.ts';
import { listReasons } from '../../services/reasons.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Who asks, how many people loosening takes, and what the codes mean. */
export const SESSION_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/session',
    summary: 'Who the bearer token is',
    role: 'viewer',
    answer: Session,
    handle: async ({ verifier, by: { id, name, person, roles } }) => {
      const observation = await viewObservation(verifier);
      return {
        tokenId: id,
        name,
        person,
        roles,
        quorum: (await viewQuorum(verifier)).quorum,
        server: verifier.settings.publicUrl,
        ...(observation === null ? {} : { observedUntil: observation.until.toISOString() }),
      };
    },
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
    path: '/v1/quorum',
    summary: 'How many people it takes to loosen what is trusted, and who they are',
    role: 'viewer',
    answer: QuorumStatus,
    handle: ({ verifier }) => viewQuorum(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/quorum',
    summary: 'Raise it, which takes one person; or lower it, which takes two',
    role: 'approver',
    body: QuorumChange,
    answer: QuorumStatus,
    handle: ({ verifier, by, body }) => changeQuorum(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/approvals',
    summary: 'First approvals that wait for another person; with `all`, every one',
    paged: true,
    takesAll: true,
    role: 'viewer',
    answer: ApprovalList,
    handle: ({ verifier, page, all }) => viewApprovals(verifier, page, { all }),
  }),
  route({
    method: 'POST',
    path: '/v1/approvals/:key/withdrawal',
    summary: 'Take a first approval back',
    role: 'approver',
    key: Uuid,
    answer: Approval,
    handle: ({ verifier, by, key }) => withdrawApproval(verifier, by, key),
  }),
];
