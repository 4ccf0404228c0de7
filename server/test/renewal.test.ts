import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { revokeHost } from '../services/approve-host.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { certify, makeAk, makeEk } from './support/made-authority.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

const HOUR_MS = 3_600_000;

describe('A renewed AK certificate', () => {
  const fleet = useFleet();
  const renew = (hostId: string, certificate: string) =>
    renewCertificate(fleet.verifier, hostId, { certificates: [certificate] });
  const issuedAgo = ({ ek, ak }: MadeHost, hours: number) =>
    certify(ek, ak, 'software', new Date(Date.now() - hours * HOUR_MS));
  const rowOf = async (hostId: string) =>
    (
      await fleet.verifier.asAdministrator(
        `SELECT to_jsonb(hosts) - 'ak_certificate' - 'ak_not_after' AS rest,
                encode(ak_certificate, 'hex') AS certificate FROM hosts WHERE id = $1`,
        [hostId],
      )
    )[0];

  it('takes the place of the old one, and changes nothing else', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const before = await rowOf(hostId);
    await renew(hostId, issuedAgo(host, 1));
    const after = await rowOf(hostId);
    assert.notEqual(after?.['certificate'], before?.['certificate']);
    assert.deepEqual(after?.['rest'], before?.['rest']);
    assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
  });

  it('may come twice', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const certificate = issuedAgo(host, 1);
    assert.deepEqual(await renew(hostId, certificate), await renew(hostId, certificate));
  });

  it('serves after any absence, when the old one has ended: AK_CERT_EXPIRED until then', async () => {
    const { host, hostId } = await fleet.trustedHost();
    await fleet.verifier.asAdministrator(
      `UPDATE hosts SET ak_certificate = decode($2, 'base64') WHERE id = $1`,
      [hostId, bodyOf(issuedAgo(host, 24 * 9))],
    );
    await assert.rejects(fleet.attest(host, hostId), { code: 'AK_CERT_EXPIRED' });
    await renew(hostId, issuedAgo(host, 0));
    assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
  });

  it('is not an older one that somebody kept: CERTIFICATE_OLDER', async () => {
    const { host, hostId } = await fleet.trustedHost();
    await renew(hostId, issuedAgo(host, 1));
    await assert.rejects(renew(hostId, issuedAgo(host, 2)), { code: 'CERTIFICATE_OLDER' });
    await assert.rejects(renew(hostId, issuedAgo(host, 24 * 9)), { code: 'AK_CERT_EXPIRED' });
  });

  it('is for the recorded AK, whoever signed it: AK_CERT_KEY_MISMATCH', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const other = certify(host.ek, makeAk(), 'software', new Date());
    await assert.rejects(renew(hostId, other), { code: 'AK_CERT_KEY_MISMATCH' });
  });

  it('is for the recorded TPM and class: CERTIFICATE_DIFFERS, and an alert', async () => {
    const { host, hostId, name } = await fleet.trustedHost();
    const before = await rowOf(hostId);
    const code = 'CERTIFICATE_DIFFERS';
    await assert.rejects(renew(hostId, certify(makeEk(), host.ak, 'software', new Date())), {
      code,
    });
    await assert.rejects(renew(hostId, certify(host.ek, host.ak, 'discrete', new Date())), {
      code,
    });
    assert.equal(await fleet.alerts(code, name), 2);
    assert.deepEqual(await rowOf(hostId), before);
  });

  it('brings no revoked host back: HOST_REVOKED; and none that is unknown: HOST_UNKNOWN', async () => {
    const { host, hostId } = await fleet.trustedHost();
    await revokeHost(fleet.verifier, BY, hostId, { reason: 'sold' });
    await assert.rejects(renew(hostId, issuedAgo(host, 0)), { code: 'HOST_REVOKED' });
    await assert.rejects(renew(randomUUID(), issuedAgo(host, 0)), { code: 'HOST_UNKNOWN' });
  });
});

const bodyOf = (pem: string): string => pem.replaceAll(/-----[A-Z ]+-----|\s/gu, '');
