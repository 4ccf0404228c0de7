import { AlertList, AuditList } from '@touchstone/schemas';
import { listAuditLog, listRaised } from '../../services/lists.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** What happened: alerts and the audit log. */
export const RECORD_ROUTES: readonly OperatorRoute[] = [
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
    path: '/v1/audit',
    summary: 'The audit log, the latest page first',
    paged: true,
    role: 'viewer',
    answer: AuditList,
    handle: ({ verifier, page }) => listAuditLog(verifier, page),
  }),
];
