import { Type } from 'typebox';
import {
  Alert,
  AlertAcknowledgement,
  AlertList,
  AuditList,
  CaStatus,
  IssuerHosts,
  Retention,
  RetentionRun,
  Uuid,
} from '@touchstone/schemas';
import { viewCaStatus } from '../../services/ca-status.ts';
import { viewIssuerHosts } from '../../services/fleet-by-issuer.ts';
import { acknowledgeAlert, viewAlerts } from '../../services/alerts.ts';
import { listAuditLog } from '../../services/lists.ts';
import { runRetention, viewRetention } from '../../services/retention.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** What happened and what is believed: alerts, the audit log, the CA. */
export const RECORD_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/alerts',
    summary: 'What people should look at; with `all`, what they have seen to as well',
    takesAll: true,
    role: 'viewer',
    answer: AlertList,
    handle: ({ verifier, all }) => viewAlerts(verifier, { all }),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/:key/acknowledgement',
    summary: 'Say that somebody has seen to it',
    role: 'operator',
    key: Uuid,
    body: AlertAcknowledgement,
    answer: Alert,
    handle: ({ verifier, by, key, body }) => acknowledgeAlert(verifier, by, key, body),
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
    path: '/v1/ca/issuers/:key/hosts',
    summary: 'Which hosts have a certificate of this issuer, and which VMs are there',
    paged: true,
    role: 'viewer',
    key: Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 }),
    answer: IssuerHosts,
    handle: ({ verifier, key, page }) => viewIssuerHosts(verifier, key, page),
  }),
  route({
    method: 'GET',
    path: '/v1/retention',
    summary: 'What is kept, how long, and what would go now',
    role: 'viewer',
    answer: Retention,
    handle: ({ verifier }) => viewRetention(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/retention/runs',
    summary: 'Remove what has had its time',
    role: 'operator',
    answer: RetentionRun,
    handle: ({ verifier, by }) => runRetention(verifier, by),
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
