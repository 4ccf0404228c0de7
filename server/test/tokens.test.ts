import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { hashOfToken, isSecretToken, makeSecretToken } from '../services/secret-token.ts';
import { signingKey } from '../services/signing-key.ts';

describe('A secret token', () => {
  it('is 256 random bits behind its kind, and hashed as it is written', () => {
    const { token, hash } = makeSecretToken('tst_');
    assert.match(token, /^tst_[A-Za-z0-9_-]{43}$/u);
    assert.deepEqual(hash, hashOfToken(token));
    assert.equal(hash.length, 32);
    assert.notEqual(makeSecretToken('tst_').token, token);
  });

  it('of one kind is none of the other', () => {
    const { token } = makeSecretToken('tsj_');
    assert.equal(isSecretToken('tsj_', token), true);
    assert.equal(isSecretToken('tst_', token), false);
    assert.equal(isSecretToken('tsj_', `${token}x`), false);
    assert.equal(isSecretToken('tsj_', `${token}\n`), false);
  });
});

describe('A signing key', () => {
  const pem = (namedCurve: string) =>
    generateKeyPairSync('ec', { namedCurve })
      .privateKey.export({ format: 'pem', type: 'pkcs8' })
      .toString();

  it('signs with ES256, its type and its RFC 7638 thumbprint', async () => {
    const key = await signingKey(pem('P-256'), 'touchstone-permit+jwt');
    const token = key.sign({ jti: 'one' });
    const { kid, typ, alg } = decodeProtectedHeader(token);
    assert.deepEqual([alg, typ], ['ES256', 'touchstone-permit+jwt']);
    assert.equal(kid, await calculateJwkThumbprint(key.jwk));
    const { payload } = await jwtVerify(token, await importJWK(key.jwk, 'ES256'));
    assert.deepEqual(payload, { jti: 'one' });
  });

  it('signs what others verify, however short the numbers of a signature are', async () => {
    const key = await signingKey(pem('P-256'), 'touchstone-permit+jwt');
    const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' });
    const ieee = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    let short = 0;
    for (let jti = 0; jti < 5_000 && short < 3; jti += 1) {
      const token = key.sign({ jti });
      const at = token.lastIndexOf('.');
      const signature = Buffer.from(token.slice(at + 1), 'base64url');
      assert.equal(signature.length, 64);
      assert.ok(verify('sha256', Buffer.from(token.slice(0, at)), ieee, signature), token);
      // One number in 256 begins with a zero octet.
      if (signature[0] === 0 || signature[32] === 0) short += 1;
    }
    assert.equal(short, 3);
  });

  it('is of P-256 and nothing else', async () => {
    await assert.rejects(signingKey(pem('P-384'), 'touchstone-permit+jwt'));
  });
});
