import { createPrivateKey, createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JWTPayload, SignJWT } from 'jose';
import { checkAgainst, SigningJwk } from '@touchstone/schemas';

/** Kinds of token, told apart by `typ` (RFC 8725, 3.11): one is never taken for the other. */
export type TokenType = 'touchstone-result+jwt' | 'touchstone-permit+jwt' | 'touchstone-bundle+jwt';

/** An ES256 key that signs one kind of token and no other. */
export type SigningKey = {
  readonly jwk: SigningJwk;
  sign(claims: object): Promise<string>;
};

/** `pem`: PKCS#8, EC P-256. The key id is the JWK thumbprint (RFC 7638, SHA-256). */
export async function signingKey(pem: string, typ: TokenType): Promise<SigningKey> {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error(`the key for ${typ} is not an EC P-256 key`);
  }
  const { kty, crv, x, y } = await exportJWK(createPublicKey(privateKey));
  const kid = await calculateJwkThumbprint({ kty, crv, x, y } as object, 'sha256');
  const jwk = checkAgainst(SigningJwk, { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' });
  return {
    jwk,
    sign: (claims) =>
      new SignJWT(claims as JWTPayload)
        .setProtectedHeader({ alg: 'ES256', kid, typ })
        .sign(privateKey),
  };
}
