import { BundleKeyCertificate, BundleKeyRequest } from '@touchstone/schemas';
import { certifyBundleKey } from '../../bundle-key.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

/** What the anchor says of the keys that sign trust bundles. */
export const BUNDLE_KEY_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/bundle-key-certificates', role: 'operator' },
    body: BundleKeyRequest,
    answer: BundleKeyCertificate,
    handle: ({ context, by, body }) => certifyBundleKey(context, by, body),
  }),
];
