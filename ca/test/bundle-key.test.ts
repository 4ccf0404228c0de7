import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { verifyBundleSigner } from '@touchstone/endorsement';
import {
  AuditList,
  BundleKeyCertificate,
  CaBundle,
  CaTlsPins,
  type SigningJwk,
} from '@touchstone/schemas';
import { calculateJwkThumbprint } from 'jose';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, firstOperators, startCa } from './support/ca-process.ts';

describe('A key for trust bundles, certified by the CA', () => {
  let postgres: Postgres;
  let ca: CaProcess;
  let two: readonly string[];

  before(async () => {
    postgres = await startPostgres();
    ca = await startCa(postgres, { database: 'ca_bundle_key' });
    two = await firstOperators(ca, 2);
  });
  after(async () => {
    await ca?.remove();
    await postgres?.stop();
  });

  const newJwk = async (): Promise<SigningJwk> => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const key = { kty: 'EC', crv: 'P-256', x, y } as const;
    return { ...key, kid: await calculateJwkThumbprint(key), alg: 'ES256', use: 'sig' };
  };
  const certify = (bearer: string, jwk: SigningJwk, reason = 'the server burned down') =>
    ca.client.request({
      ...{ method: 'POST', path: '/v1/operator/bundle-key-certificates', bearer },
      ...{ schema: BundleKeyCertificate, body: { jwk, reason } },
    });

  it('takes two people where the quorum is 2, of the very same key; then an anchor says it', async () => {
    const [first = '', second = ''] = two;
    const jwk = await newJwk();
    await assert.rejects(certify(first, jwk), { code: 'QUORUM_WAITING' });
    await assert.rejects(certify(first, jwk), { code: 'QUORUM_WAITING' });
    await assert.rejects(certify(second, await newJwk()), { code: 'QUORUM_WAITING' });
    const { certificate } = await certify(second, jwk);
    const bundle = await ca.client.request({
      ...{ method: 'GET', path: '/v1/bundle', schema: CaBundle },
    });
    const anchors = bundle.anchors.map((pem) => new X509Certificate(pem).raw);
    const spki = verifyBundleSigner({
      ...{ certificate: new X509Certificate(certificate).raw, anchors, now: new Date() },
    });
    const { publicKey } = new X509Certificate(certificate);
    assert.deepEqual(Buffer.from(spki), publicKey.export({ format: 'der', type: 'spki' }));
    assert.equal(publicKey.export({ format: 'jwk' }).x, jwk.x);
    const { entries } = await ca.client.request({
      ...{ method: 'GET', path: '/v1/operator/audit', schema: AuditList, bearer: first },
    });
    assert.ok(
      entries.some(({ action, subject }) => action === 'bundle-key.certify' && subject === jwk.kid),
    );
  });

  it('has to be one: BUNDLE_KEY_MALFORMED', async () => {
    const jwk = { ...(await newJwk()), x: 'A'.repeat(43) };
    await assert.rejects(certify(two[0] ?? '', jwk), { code: 'BUNDLE_KEY_MALFORMED' });
    // Under the name of another key two people would say yes to something else.
    const { kid } = await newJwk();
    const renamed = { ...(await newJwk()), kid };
    await assert.rejects(certify(two[0] ?? '', renamed), { code: 'BUNDLE_KEY_MALFORMED' });
  });

  it('is nothing without a token; which TLS keys the CA shows it tells everybody', async () => {
    await assert.rejects(certify('tsc_nobody', await newJwk()), { code: 'UNAUTHENTICATED' });
    const { pins } = await ca.client.request({
      ...{ method: 'GET', path: '/v1/tls-pins', schema: CaTlsPins },
    });
    assert.equal(pins.length, 1);
  });
});
