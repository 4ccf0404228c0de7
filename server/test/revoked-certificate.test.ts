import assert from 'node:assert/strict';
import { contextDigestOf } from '@touchstone/appraisal';
import { checkAgainst, OwnContext } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { revokeHost } from '../services/approve-host.ts';
import { explainHost } from '../services/host-views.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { viewVerdict } from '../services/stored-verdicts.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { certify } from './support/made-authority.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { revocationOf } from './support/made-lists.ts';

const HOUR_MS = 3_600_000;
/** All certificates of these tests have one serial number, and name no list. */
const GOOD = { partition: 0 };
const REVOKED = { partition: 0, number: 2, revoked: [{ serial: '010203' }] };

describe('A host whose AK certificate is on a revocation list', () => {
  const fleet = useFleet();
  beforeEach(() => fleet.verifier.revoke(revocationOf(GOOD)));

  it('attests no more, gets no permit and renews by nothing that is on the list: Q22', () =>
    attack('Q22', async () => {
      const { host, hostId, vm } = await fleet.vmOfTrusted();
      assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
      fleet.verifier.revoke(revocationOf(REVOKED));
      const code = 'AK_CERT_REVOKED';
      await assert.rejects(fleet.attest(host, hostId), { code });
      const request = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      await assert.rejects(takePermitRequest(fleet.verifier, request), { code });
      const certificates = [certify(host.ek, host.ak, 'software', new Date())];
      await assert.rejects(renewCertificate(fleet.verifier, hostId, { certificates }), { code });
      const stranger = fleet.newHost();
      const enrolment = fleet.enrol(stranger, fleet.newName(), await fleet.joinToken());
      await assert.rejects(enrolment, { code });
      return { outcome: 'R', code };
    }));

  it('is refused where nobody knows whether it is: Q22', () =>
    attack('Q22', async () => {
      const { host, hostId } = await fleet.trustedHost();
      const code = 'AK_CERT_REVOCATION_UNKNOWN';
      for (const lists of [revocationOf(), revocationOf({ partition: 1 })]) {
        fleet.verifier.revoke(lists);
        await assert.rejects(fleet.attest(host, hostId), { code });
      }
      return { outcome: 'R', code };
    }));

  it('works on the last good list for the configured time, says so, and is refused after it: Q22', () =>
    attack('Q22', async () => {
      const { host, hostId, vm } = await fleet.vmOfTrusted();
      const overdue = (ms: number) => {
        const nextUpdate = new Date(Date.now() - ms);
        const thisUpdate = new Date(nextUpdate.getTime() - HOUR_MS);
        fleet.verifier.revoke(revocationOf({ ...GOOD, thisUpdate, nextUpdate }));
      };
      overdue(HOUR_MS / 2);
      const answer = await fleet.attest(host, hostId);
      assert.deepEqual([answer.state, answer.verdict], ['trusted', 'warning']);
      const { findings } = await explainHost(fleet.verifier, hostId);
      const warning = findings.find(({ code }) => code === 'AK_CERT_REVOCATION_STALE');
      assert.equal(warning?.effect, 'warn');
      const asked = () => fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      assert.ok('permit' in fleet.first(await takePermitRequest(fleet.verifier, asked())));
      overdue(HOUR_MS + 60_000);
      const code = 'AK_CERT_REVOCATION_UNKNOWN';
      await assert.rejects(takePermitRequest(fleet.verifier, asked()), { code });
      return { outcome: 'R', code };
    }));

  it('has beside each verdict which list it was held against, and nobody else of it', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const revoked = [{ serial: '0a0b' }];
    fleet.verifier.revoke(revocationOf({ ...GOOD, number: 7, revoked }));
    await fleet.attest(host, hostId);
    const sql = 'SELECT latest_attestation AS id FROM hosts WHERE id = $1';
    const [row] = await fleet.verifier.asAdministrator(sql, [hostId]);
    const { context } = await viewVerdict(fleet.verifier, String(row?.['id']));
    assert.ok(context?.own);
    const own = checkAgainst(OwnContext, context.own);
    assert.deepEqual([own.crl?.number, own.crl?.graceSeconds], ['7', 3_600]);
    assert.equal(contextDigestOf(own, context.shared), context.digest);
  });
});

describe('A host that its operator revokes', () => {
  const fleet = useFleet();

  it('gets no permit from then on, and none that it was about to get', async () => {
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    const asked = () => fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
    const before = await takePermitRequest(fleet.verifier, asked());
    assert.ok('permit' in fleet.first(before));
    const evidence = asked();
    const { database } = fleet.verifier;
    const underWay = await database.transaction(async (on) => {
      await on.query('SELECT 1 FROM hosts WHERE id = $1 FOR UPDATE', [hostId]);
      const revocation = revokeHost(fleet.verifier, BY, hostId, { reason: 'stolen' });
      await fleet.waitingForLocks(1);
      const permit = takePermitRequest(fleet.verifier, evidence);
      await fleet.waitingForLocks(2);
      return { revocation, permit };
    });
    await underWay.revocation;
    const refused = await underWay.permit;
    assert.ok('refusal' in fleet.first(refused));
    assert.equal((await fleet.stateOf(hostId)).state, 'revoked');
    const after = await takePermitRequest(fleet.verifier, asked());
    assert.ok('refusal' in fleet.first(after));
  });
});
