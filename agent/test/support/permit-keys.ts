import { randomUUID } from 'node:crypto';
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair } from 'jose';
import type {
  PermitClaims,
  ResultClaims,
  SigningJwk,
  StartRequest,
  TrustBundle,
} from '@touchstone/schemas';

export type PermitKey = { readonly privateKey: CryptoKey; readonly jwk: SigningJwk };

export async function makePermitKey(kid: string): Promise<PermitKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const { x = '', y = '' } = await exportJWK(publicKey);
  return { privateKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' } };
}

/** A trust bundle with these keys; its CA and anchors are not looked at when a permit is verified. */
export const bundleOf = (permit: PermitKey, result: PermitKey): TrustBundle => ({
  schema: 'touchstone/trust-bundle/1',
  epoch: 1,
  notAfter: '2099-01-01T00:00:00Z',
  issuer: 'https://verifier',
  ca: { url: 'https://127.0.0.1:1', pin: '00'.repeat(32) },
  anchors: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  keys: [
    { use: 'permit', jwk: permit.jwk },
    { use: 'result', jwk: result.jwk },
  ],
  bundleKey: result.jwk,
});

export type PermitFor = {
  readonly request: StartRequest;
  readonly hostId: string;
  readonly akName: string;
  readonly challenge: string;
  readonly boot: {
    readonly resetCount: number;
    readonly restartCount: number;
    readonly clock: bigint;
  };
};

/** What an honest server would claim. */
export function claimsFor({ request, hostId, akName, challenge, boot }: PermitFor): PermitClaims {
  const iat = Math.floor(Date.now() / 1_000);
  return {
    iss: 'https://verifier',
    aud: akName,
    jti: randomUUID(),
    iat,
    exp: iat + 60,
    'touchstone.host': hostId,
    'touchstone.challenge': challenge,
    'touchstone.boot': { ...boot, clock: boot.clock.toString() },
    'touchstone.request': request,
    'touchstone.policy': 'policy',
  };
}

export const signPermit = (
  claims: object | string,
  { privateKey, jwk }: PermitKey,
  header: Record<string, unknown> = {},
): Promise<string> =>
  new CompactSign(Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'ES256', kid: jwk.kid, typ: 'touchstone-permit+jwt', ...header })
    .sign(privateKey, { crit: { 'urn:x': true } });

/** As the server gives a result. */
export const signResult = (claims: ResultClaims, key: PermitKey): Promise<string> =>
  signPermit(claims, key, { typ: 'touchstone-result+jwt' });

/** As the server gives a bundle away. */
export const signBundle = async (bundle: TrustBundle, key: PermitKey): Promise<string> =>
  signPermit(bundle, key, { typ: 'touchstone-bundle+jwt' });
