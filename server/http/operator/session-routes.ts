import { ReasonTitles, Session } from '@touchstone/schemas';
import { listReasons } from '../../services/reasons.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Who asks, and what the codes mean. */
export const SESSION_ROUTES: readonly OperatorRoute[] = [
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
];
