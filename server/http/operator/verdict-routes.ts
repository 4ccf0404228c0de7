import {
  Sha256Hex,
  StoredBlob,
  StoredVerdict,
  Uuid,
  VerdictDay,
  VerdictDays,
  VerdictPage,
} from '@touchstone/schemas';
import {
  listVerdicts,
  viewBlob,
  viewVerdict,
  viewVerdictDays,
} from '../../services/stored-verdicts.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Verdicts with all that they were made from, so that anybody can make them again. */
export const VERDICT_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/verdict-days',
    summary: 'The days of which verdicts are held',
    role: 'viewer',
    answer: VerdictDays,
    handle: ({ verifier }) => viewVerdictDays(verifier),
  }),
  route({
    method: 'GET',
    path: '/v1/verdict-days/:key',
    summary: 'Verdicts of one day, with what they were made from; ten at most at once',
    role: 'viewer',
    key: VerdictDay,
    paged: true,
    answer: VerdictPage,
    handle: ({ verifier, key, page }) => listVerdicts(verifier, key, page),
  }),
  route({
    method: 'GET',
    path: '/v1/verdicts/:key',
    summary: 'One verdict, with what it was made from',
    role: 'viewer',
    key: Uuid,
    answer: StoredVerdict,
    handle: ({ verifier, key }) => viewVerdict(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/blobs/:key',
    summary: 'A log, a shared context or a document, by its SHA-256',
    role: 'viewer',
    key: Sha256Hex,
    answer: StoredBlob,
    handle: ({ verifier, key }) => viewBlob(verifier, key),
  }),
];
