import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { revokeHost } from '../services/approve-host.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { certify, ISSUER, ISSUER_PEM, NEXT_CA, NEXT_ISSUER } from './support/made-authority.ts';
import { BY, useFleet } from './support/made-fleet.ts';

describe('Being asked to renew', () => {
  const fleet = useFleet();
  afterEach(() => fleet.verifier.believe());
  let epoch = 1;
  const believe = (
    renewals: { issuerKeyId: string; ekRefs?: string[] }[],
    state: 'verify-only' | 'refused' = 'verify-only',
  ) =>
    fleet.verifier.believe({
      ...{ epoch: (epoch += 1), anchors: [ISSUER_PEM], renewals },
      issuers: [{ ...ISSUER, state }, NEXT_ISSUER],
    });
  const asked = (akName: string) => fleet.verifier.askToRenew(akName);

  it('is for hosts with a certificate of the issuer that is left, until they have another', async () => {
    const { host, hostId } = await fleet.trustedHost();
    assert.equal(await asked(host.akName), false);
    believe([{ issuerKeyId: ISSUER.keyId }]);
    assert.equal(await asked(host.akName), true);
    assert.equal(await asked('000b' + 'ab'.repeat(32)), false, 'nobody has this AK');
    const renewed = certify(host.ek, host.ak, 'software', new Date(), NEXT_CA);
    await renewCertificate(fleet.verifier, hostId, { certificates: [renewed] });
    assert.equal(await asked(host.akName), false);
    believe([{ issuerKeyId: NEXT_ISSUER.keyId }]);
    assert.equal(await asked(host.akName), true);
  });

  it('is for those alone that are named, where some are', async () => {
    const [one, other] = [await fleet.trustedHost(), await fleet.trustedHost()];
    const { ekRef } = await fleet.detailOf(one.hostId);
    believe([{ issuerKeyId: ISSUER.keyId, ekRefs: [ekRef] }]);
    assert.deepEqual([await asked(one.host.akName), await asked(other.host.akName)], [true, false]);
  });

  it('is for all of an issuer that is refused, named or not, and for nobody who is revoked', async () => {
    const { host, hostId } = await fleet.trustedHost();
    believe([], 'refused');
    assert.equal(await asked(host.akName), true);
    await revokeHost(fleet.verifier, BY, hostId, { reason: 'sold' });
    assert.equal(await asked(host.akName), false);
  });

  it('looks nobody up while no host is concerned', async () => {
    await fleet.verifier.asAdministrator('UPDATE hosts SET removed_at = now()');
    believe([{ issuerKeyId: ISSUER.keyId }]);
    assert.equal(await asked('000b'), false);
    const { host } = await fleet.trustedHost();
    const deadline = Date.now() + 10_000;
    while (!(await asked(host.akName))) {
      assert.ok(Date.now() < deadline, 'never asked');
      await sleep(100);
    }
  });
});
