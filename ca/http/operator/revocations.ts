import { Revocation, RevocationRequest } from '@touchstone/schemas';
import { revoke } from '../../revocation/index.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

/** TPMs that are believed no more. Tightening: one person's word. */
export const REVOCATION_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/revocations', role: 'operator' },
    body: RevocationRequest,
    answer: Revocation,
    handle: ({ context, by, body }) => revoke(context, by, body),
  }),
];
