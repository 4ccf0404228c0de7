import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { checkAgainst, SigningJwk } from '@touchstone/schemas';

/** Kinds of token, told apart by `typ` (RFC 8725, 3.11): one is never taken for the other. */
export type TokenType =
  | 'touchstone-result+jwt'
  | 'touchstone-permit+jwt'
  | 'touchstone-licence+jwt'
  | 'touchstone-orders+jwt'
  | 'touchstone-observe+jwt'
  | 'touchstone-bundle+jwt'
  | 'touchstone-ca-progress+jwt';

/** An ES256 key that signs one kind of token and no other. */
export type SigningKey = {
  readonly jwk: SigningJwk;
  /** `x5c`: certificates of the key, base64 of DER (RFC 7515, 4.1.6), for whoever does not know it. */
  sign(claims: object, x5c?: readonly string[]): string;
};

/** `pem`: PKCS#8, EC P-256. The key id is the JWK thumbprint (RFC 7638, SHA-256). */
export const signingKey = (pem: string, typ: TokenType): Promise<SigningKey> =>
  signingKeyOf(createPrivateKey(pem), typ);

export async function signingKeyOf(privateKey: KeyObject, typ: TokenType): Promise<SigningKey> {
  const jwk = await jwkOf(privateKey);
  const { kid } = jwk;
  const header = headerOf({ alg: 'ES256', kid, typ });
  return {
    jwk,
    // RFC 7515, 3.1 and RFC 7518, 3.4. Every attestation is answered with one, and by WebCrypto, which goes
    // through another thread for each, it costs several times as much.
    sign: (claims, x5c) => {
      const head = x5c === undefined ? header : headerOf({ alg: 'ES256', kid, typ, x5c });
      const signed = `${head}.${base64Url(JSON.stringify(claims))}`;
      const signature = jwsSignatureOf(sign('sha256', Buffer.from(signed), privateKey));
      return `${signed}.${signature.toString('base64url')}`;
    },
  };
}

/** The public half. @throws Error for another key than EC P-256 */
export async function jwkOf(privateKey: KeyObject): Promise<SigningJwk> {
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('not an EC P-256 key');
  }
  const { kty, crv, x, y } = await exportJWK(createPublicKey(privateKey));
  const kid = await calculateJwkThumbprint({ kty, crv, x, y } as object, 'sha256');
  return checkAgainst(SigningJwk, { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' });
}

const headerOf = (header: object): string => base64Url(JSON.stringify(header));
const base64Url = (text: string): string => Buffer.from(text).toString('base64url');

/**
 * r || s of 32 octets each (RFC 7518, 3.4) from the DER that node:crypto gives (RFC 3279, 2.2.3). It gives the
 * other form too, at twice the cost.
 */
function jwsSignatureOf(der: Uint8Array): Buffer {
  const signature = Buffer.alloc(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    // A leading zero keeps a number positive; short ones lack theirs.
    const octets = der.subarray(at + 2 + Math.max(0, length - 32), at + 2 + length);
    signature.set(octets, end - octets.length);
    at += 2 + length;
  }
  return signature;
}
