import { compactVerify, decodeJwt, importJWK } from 'jose';
import {
  checkAgainst,
  parseStrictJson,
  TrustBundle,
  TrustBundles as TrustBundlesSchema,
} from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { agentError } from './codes.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';

const BUNDLE_TYPE = 'touchstone-bundle+jwt';

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
export async function followBundles(client: Client, held: HeldEnrolment): Promise<void> {
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

/** Proves: the key that `held` names signed it, as a bundle, and it is a later one. */
export async function nextBundle(held: TrustBundle, jws: string): Promise<TrustBundle> {
  let next: TrustBundle;
  try {
    const key = await importJWK(held.bundleKey, 'ES256');
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['ES256'] });
    if (protectedHeader.typ !== BUNDLE_TYPE) throw new Error('not a bundle');
    next = checkAgainst(TrustBundle, parseStrictJson(payload));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : 'unknown';
    throw agentError('TRUST_BUNDLE_REFUSED', { detail, cause });
  }
  if (next.epoch > held.epoch) return next;
  const detail = `epoch ${next.epoch} after ${held.epoch}`;
  throw agentError('TRUST_BUNDLE_REFUSED', { detail });
}

function current(bundle: TrustBundle): TrustBundle {
  if (Date.parse(bundle.notAfter) > Date.now()) return bundle;
  throw agentError('TRUST_BUNDLE_EXPIRED', { detail: bundle.notAfter });
}
