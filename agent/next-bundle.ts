import { compactVerify, importJWK } from 'jose';
import { checkAgainst, parseStrictJson, TrustBundle } from '@touchstone/schemas';
import { agentError } from './codes.ts';

const BUNDLE_TYPE = 'touchstone-bundle+jwt';

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
