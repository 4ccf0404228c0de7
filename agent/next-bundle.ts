import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { verifyBundleSigner } from '@touchstone/endorsement';
import { checkAgainst, parseStrictJson, TrustBundle } from '@touchstone/schemas';
import { agentError } from './codes.ts';

const MAX_CERTIFICATE_BASE64 = 8_192;
const BUNDLE_TYPE = 'touchstone-bundle+jwt';

/**
 * Proves: the key that `held` names signed it, as a bundle, and it is a later one. Or, where that key was lost, a key
 * did that an anchor of `held` certified for that purpose, and that the new bundle names.
 */
export async function nextBundle(
  held: TrustBundle,
  jws: string,
  now = new Date(),
): Promise<TrustBundle> {
  let next: TrustBundle;
  try {
    const { kid, x5c } = decodeProtectedHeader(jws);
    const certified = x5c !== undefined && kid !== held.bundleKey.kid;
    const key = certified ? certifiedKey(held, x5c, now) : await importJWK(held.bundleKey, 'ES256');
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['ES256'] });
    if (protectedHeader.typ !== BUNDLE_TYPE) throw new Error('not a bundle');
    next = checkAgainst(TrustBundle, parseStrictJson(payload));
    if (certified && next.bundleKey.kid !== kid) throw new Error('it names another bundle key');
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : 'unknown';
    throw agentError('TRUST_BUNDLE_REFUSED', { detail, cause });
  }
  if (next.epoch > held.epoch) return next;
  const detail = `epoch ${next.epoch} after ${held.epoch}`;
  throw agentError('TRUST_BUNDLE_REFUSED', { detail });
}

/** @throws ParseError, RangeError, Error */
function certifiedKey(
  { anchors, bundleKeyCertified }: TrustBundle,
  x5c: readonly string[],
  now: Date,
): KeyObject {
  const [base64 = ''] = x5c;
  if (x5c.length !== 1 || base64.length > MAX_CERTIFICATE_BASE64) {
    throw new Error('one certificate is expected');
  }
  const spki = verifyBundleSigner({
    certificate: Buffer.from(base64, 'base64'),
    anchors: anchors.map((pem) => new X509Certificate(pem).raw),
    now,
    after: bundleKeyCertified === undefined ? undefined : new Date(bundleKeyCertified),
  });
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
}
