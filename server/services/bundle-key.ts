import { createPublicKey, X509Certificate } from 'node:crypto';
import { verifyBundleSigner } from '@touchstone/endorsement';
import type { SigningJwk, TrustBundle } from '@touchstone/schemas';

/** Whether agents that hold this bundle will take the certificate (DER) for this key. */
export function certifies(
  certificate: Uint8Array,
  key: SigningJwk,
  held: Pick<TrustBundle, 'anchors' | 'bundleKeyCertified'>,
  now: Date,
): boolean {
  try {
    const anchors = held.anchors.map((pem) => new X509Certificate(pem).raw);
    const spki = verifyBundleSigner({ certificate, anchors, now, after: certifiedSince(held) });
    const { kty, crv, x, y } = key;
    const own = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
    return own.export({ type: 'spki', format: 'der' }).equals(spki);
  } catch {
    return false;
  }
}

const certifiedSince = ({ bundleKeyCertified }: Pick<TrustBundle, 'bundleKeyCertified'>) =>
  bundleKeyCertified === undefined ? undefined : new Date(bundleKeyCertified);
