import {
  Approval,
  ApprovalList,
  AuditList,
  CaOperator,
  CaOperatorCreated,
  CaOperatorList,
  CaOperatorRequest,
  CaSession,
  oneOf,
  QuorumChange,
  QuorumStatus,
  Uuid,
} from '@touchstone/schemas';
import { Type } from 'typebox';
import {
  changeQuorum,
  createOperator,
  removeOperator,
  viewQuorum,
  withdrawApproval,
} from '../../operators/index.ts';
import { listApprovals, listAudit, listOperators, readQuorum } from '../../store/index.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

const all = { all: oneOf('true', 'false') };
/** The sequence number that the page before ended at. */
const AuditCursor = Type.String({ pattern: '^[1-9][0-9]{0,14}$', maxLength: 15 });
const AUDIT_PAGE = 1_000;

/** Who commands this CA, how many it takes, and what they did. */
export const OPERATORS_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/session', role: 'viewer' },
    answer: CaSession,
    handle: async ({ context, by }) => ({
      ...{ tokenId: by.id, name: by.name, person: by.person, role: by.role },
      quorum: await readQuorum(context.pool),
      ca: context.publicUrl,
    }),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/operators', role: 'viewer' },
    query: all,
    answer: CaOperatorList,
    handle: async ({ context, query }) => ({
      operators: await listOperators(context.pool, query['all'] === 'true'),
    }),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/operators', role: 'operator' },
    body: CaOperatorRequest,
    answer: CaOperatorCreated,
    handle: ({ context, by, body }) => createOperator(context.pool, by, body),
  }),
  operatorRoute({
    ...{ method: 'DELETE', path: '/v1/operator/operators/:key', role: 'operator' },
    key: Uuid,
    answer: CaOperator,
    handle: ({ context, by, key }) => removeOperator(context.pool, by, key),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/quorum', role: 'viewer' },
    answer: QuorumStatus,
    handle: ({ context }) => viewQuorum(context.pool),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/quorum', role: 'operator' },
    body: QuorumChange,
    answer: QuorumStatus,
    handle: ({ context, by, body }) => changeQuorum(context.pool, by, body),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/approvals', role: 'viewer' },
    query: all,
    answer: ApprovalList,
    handle: async ({ context, query }) => ({
      approvals: await listApprovals(context.pool, query['all'] === 'true'),
    }),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/approvals/:key/withdrawal', role: 'operator' },
    key: Uuid,
    answer: Approval,
    handle: ({ context, by, key }) => withdrawApproval(context.pool, by, key),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/audit', role: 'viewer' },
    query: { cursor: AuditCursor },
    answer: AuditList,
    handle: async ({ context, query: { cursor } }) => {
      const before = cursor === undefined ? null : Number(cursor);
      const found = await listAudit(context.pool, { limit: AUDIT_PAGE + 1, before });
      const entries = found.slice(0, AUDIT_PAGE).toReversed();
      const [oldest] = entries;
      const more = found.length > AUDIT_PAGE && oldest !== undefined;
      return { entries, ...(more && { nextCursor: String(oldest.sequence) }) };
    },
  }),
];
