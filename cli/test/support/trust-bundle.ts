import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { SigningJwk, TrustBundle } from '@touchstone/schemas';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
const JWK: SigningJwk = { kty: 'EC', crv: 'P-256', x, y, kid: 'made', alg: 'ES256', use: 'sig' };

const BUNDLE: TrustBundle = {
  schema: 'touchstone/trust-bundle/1',
  epoch: 1,
  notAfter: '2027-01-01T00:00:00.000Z',
  issuer: 'https://touchstone.example',
  ca: { url: 'https://ca.example', pin: 'ab'.repeat(32) },
  anchors: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  keys: [
    { use: 'result', jwk: JWK },
    { use: 'permit', jwk: JWK },
  ],
  bundleKey: JWK,
};

const base64Url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** As a deployment has them from its first minute on, signed by a key of this process. */
export function trustBundlesNaming(ca: TrustBundle['ca'] = BUNDLE.ca): { bundles: string[] } {
  const header = base64Url({ alg: 'ES256', typ: 'touchstone-bundle+jwt', kid: 'made' });
  const signed = `${header}.${base64Url({ ...BUNDLE, ca })}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return {
    bundles: [`${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`],
  };
}

/** RFC 7638. */
export const BUNDLE_KEY = createHash('sha256')
  .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
  .digest('hex');
