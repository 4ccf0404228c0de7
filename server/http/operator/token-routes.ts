import {
  ApiToken,
  ApiTokenCreated,
  ApiTokenList,
  ApiTokenRequest,
  JoinToken,
  JoinTokenCreated,
  JoinTokenList,
  JoinTokenRequest,
  TokenRevocation,
  TokensMade,
  Uuid,
} from '@touchstone/schemas';
import { createApiToken, revokeApiToken } from '../../services/api-tokens.ts';
import { createJoinToken, revokeJoinToken } from '../../services/join-tokens.ts';
import { listJoining, listTokens } from '../../services/lists.ts';
import { revokeWithMade, viewTokensMade } from '../../services/tokens-made.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Bearer tokens and join tokens. */
export const TOKEN_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/join-tokens',
    summary: 'Every join token, without its secret',
    paged: true,
    role: 'operator',
    answer: JoinTokenList,
    handle: ({ verifier, page }) => listJoining(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/join-tokens',
    summary: 'Make a join token',
    role: 'operator',
    body: JoinTokenRequest,
    answer: JoinTokenCreated,
    handle: ({ verifier, by, body }) => createJoinToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/join-tokens/:key',
    summary: 'Revoke a join token',
    role: 'operator',
    key: Uuid,
    answer: JoinToken,
    handle: ({ verifier, by, key }) => revokeJoinToken(verifier, by, key),
  }),
  route({
    method: 'GET',
    path: '/v1/tokens',
    summary: 'Every bearer token, without its secret',
    paged: true,
    role: 'operator',
    answer: ApiTokenList,
    handle: ({ verifier, page }) => listTokens(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a bearer token',
    role: 'operator',
    body: ApiTokenRequest,
    answer: ApiTokenCreated,
    handle: ({ verifier, by, body }) => createApiToken(verifier, by, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/:key',
    summary: 'Revoke a bearer token',
    role: 'operator',
    key: Uuid,
    answer: ApiToken,
    handle: ({ verifier, by, key }) => revokeApiToken(verifier, by, key),
  }),
  route({
    method: 'GET',
    path: '/v1/tokens/:key/made',
    summary: 'Live tokens that a bearer token made',
    role: 'operator',
    key: Uuid,
    answer: TokensMade,
    handle: ({ verifier, key }) => viewTokensMade(verifier, key),
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/:key/made',
    summary: 'Revoke a bearer token and every one that comes from it',
    role: 'operator',
    key: Uuid,
    answer: TokenRevocation,
    handle: ({ verifier, by, key }) => revokeWithMade(verifier, by, key),
  }),
];
