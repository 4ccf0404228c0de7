import { AlertList, AuditList, CaStatus } from '@touchstone/schemas';
import { viewCaStatus } from '../../services/ca-status.ts';
import { listAuditLog, listRaised } from '../../services/lists.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** What happened and what is believed: alerts, the audit log, the CA. */
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
    path: '/v1/ca',
    summary: 'Whose AK certificates are believed, and which hosts know so',
    role: 'viewer',
    answer: CaStatus,
    handle: ({ verifier }) => viewCaStatus(verifier),
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
