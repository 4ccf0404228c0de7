import { decodeJwt } from 'jose';
import { checkAgainst, TrustBundle, TrustBundles as TrustBundlesSchema } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { agentError } from './codes.ts';
import type { Network } from './network.ts';
import { nextBundle } from './next-bundle.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';

/**
 * The first bundle: what vouches for it is the connection, whose key the operator's fingerprint names.
 * @throws AppError TRUST_BUNDLE_EXPIRED, TRUST_BUNDLE_REFUSED
 */
export async function takeFirstBundle(client: Client): Promise<TrustBundle> {
  const { bundles } = await client.request({
    method: 'GET',
    path: '/v1/trust-bundle',
    schema: TrustBundlesSchema,
  });
  const [jws] = bundles;
  if (jws === undefined) throw agentError('TRUST_BUNDLE_REFUSED', { detail: 'there is none' });
  return current(checkAgainst(TrustBundle, decodeJwt(jws)));
}

/**
 * Goes from the bundle that is held to the newest, one after the other: each is signed by the key that the one
 * before it names, and has a higher epoch. The connection vouches for nothing here.
 * @throws AppError TRUST_BUNDLE_EXPIRED, TRUST_BUNDLE_REFUSED
 */
export async function followBundles(
  client: Pick<Client, 'request'>,
  held: HeldEnrolment,
): Promise<void> {
  for (;;) {
    let bundle = held.current.trustBundle;
    const { bundles } = await client.request({
      method: 'GET',
      path: `/v1/trust-bundles/after/${bundle.epoch}`,
      schema: TrustBundlesSchema,
    });
    if (bundles.length === 0) return;
    for (const jws of bundles) bundle = await nextBundle(bundle, jws);
    await held.change({ trustBundle: current(bundle) });
  }
}

/**
 * The same where the server shows a key that is not known here: while this host was away it got another one, or
 * somebody stands in between. The bundles tell by their own signatures.
 */
export async function followFromAnyone(network: Network, held: HeldEnrolment): Promise<void> {
  const client = network.anyKey({ url: held.current.server });
  try {
    await followBundles(client, held);
  } finally {
    await client.close();
  }
}

function current(bundle: TrustBundle): TrustBundle {
  if (Date.parse(bundle.notAfter) > Date.now()) return bundle;
  throw agentError('TRUST_BUNDLE_EXPIRED', { detail: bundle.notAfter });
}
