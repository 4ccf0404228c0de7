import { BundleKeyCertificate, KeyRotation, KeyUse, ServerKeys } from '@touchstone/schemas';
import { rotateKey, takeBundleKeyCertificate, viewKeys } from '../../services/view-keys.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** The keys that trust bundles carry. */
export const KEY_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/keys',
    summary: 'The keys that trust bundles carry, and which hosts do not know the newest bundle',
    role: 'viewer',
    answer: ServerKeys,
    handle: ({ verifier }) => viewKeys(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/keys/:key/rotation',
    summary: 'Make the next key now; it signs once hosts know it',
    role: 'operator',
    key: KeyUse,
    body: KeyRotation,
    answer: ServerKeys,
    handle: ({ verifier, by, key, body }) =>
      rotateKey(verifier, by, { use: key as KeyUse, reason: body.reason }),
  }),
  route({
    method: 'POST',
    path: '/v1/bundle-key-certificate',
    summary: 'The CA’s certificate for a bundle key that follows a lost one',
    role: 'approver',
    body: BundleKeyCertificate,
    answer: ServerKeys,
    handle: ({ verifier, by, body }) => takeBundleKeyCertificate(verifier, by, body),
  }),
];
