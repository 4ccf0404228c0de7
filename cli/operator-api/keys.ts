import {
  type BundleKeyCertificate,
  CaStatus,
  IssuerHosts,
  type KeyRotation,
  type KeyUse,
  ServerKeys,
  TrustBundles,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** The server's own keys, what it knows of the CA's, and the trust bundles that tell hosts of both. */
export const keyRoutes = ({ at, get, post }: BearerRoutes) => ({
  keys: () => get(at('keys'), ServerKeys),
  rotateKey: (use: KeyUse, body: KeyRotation) =>
    post(at('keys', use, 'rotation'), body, ServerKeys),
  takeBundleKeyCertificate: (body: BundleKeyCertificate) =>
    post(at('bundle-key-certificate'), body, ServerKeys),

  ca: () => get(at('ca'), CaStatus),
  hostsOfIssuer: async (keyId: string) => ({
    hosts: await wholeList(
      (cursor) => get(withQuery(at('ca', 'issuers', keyId, 'hosts'), cursor), IssuerHosts),
      ({ hosts }) => hosts,
    ),
  }),

  trustBundle: () => get(at('trust-bundle'), TrustBundles),
  trustBundlesAfter: (epoch: number) => get(at('trust-bundles', 'after', `${epoch}`), TrustBundles),
});
