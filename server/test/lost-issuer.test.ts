import assert from 'node:assert/strict';
import { attack } from '../../test/support/attack.ts';
import { countHosts } from '../services/count-hosts.ts';
import { explainHost, viewHosts } from '../services/host-views.ts';
import { issuerList } from '../services/issuers.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { renewCertificate } from '../services/renew-certificate.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { certify, ISSUER, ISSUER_PEM, NEXT_CA, NEXT_ISSUER } from './support/made-authority.ts';
import { useFleet } from './support/made-fleet.ts';
import type { MadeHost } from './support/made-host.ts';

describe('A host whose certificate is of an issuer that is believed no more', () => {
  const fleet = useFleet();
  afterEach(() => fleet.verifier.believe());
  const since = new Date();
  const refuse = (reason: 'retired' | 'compromised') =>
    fleet.verifier.believe({
      ...{ epoch: 2, anchors: [ISSUER_PEM], receivedAt: since },
      refusedSince: new Map([[ISSUER.keyId, since]]),
      issuers: [{ ...ISSUER, state: 'refused', reason }, NEXT_ISSUER],
    });
  const summaryOf = async (hostId: string) =>
    (await viewHosts(fleet.verifier, FIRST_PAGE)).hosts.find(({ id }) => id === hostId);
  const staleOnes = async () =>
    (await countHosts(fleet.verifier)).find(({ state }) => state === 'stale')?.count ?? 0;
  const renewed = ({ ek, ak }: MadeHost) => certify(ek, ak, 'software', new Date(), NEXT_CA);

  it('is stale at once, refused with what is to be done, and back when it renewed and attested: C5', () =>
    attack('C5', async () => {
      const { host, hostId, vm } = await fleet.vmOfTrusted();
      const before = await staleOnes();
      assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
      refuse('retired');
      const { state, stateBeneath, reason, since: at } = await fleet.stateOf(hostId);
      assert.deepEqual(
        [state, stateBeneath, reason?.code, at],
        ['stale', 'trusted', 'AK_CERT_ISSUER_REFUSED', since.toISOString()],
      );
      assert.match(reason?.subject ?? '', /retired/u);
      assert.equal((await summaryOf(hostId))?.state, 'stale');
      assert.equal(await staleOnes(), before + 1);
      const [first] = (await explainHost(fleet.verifier, hostId)).findings;
      assert.equal(first?.code, 'AK_CERT_ISSUER_REFUSED');
      assert.match(first.remedy, /gets a new certificate by itself/u);

      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      const code = 'AK_CERT_ISSUER_REFUSED';
      await assert.rejects(takePermitRequest(fleet.verifier, evidence), (error) => {
        const { findings } = error as { findings: { code: string; remedy: string }[] };
        assert.match(findings[0]?.remedy ?? '', /changed while this host was away/u);
        return (error as { code: string }).code === code;
      });

      await renewCertificate(fleet.verifier, hostId, { certificates: [renewed(host)] });
      assert.equal((await fleet.stateOf(hostId)).state, 'stale', 'what it attested by is refused');
      assert.equal(await staleOnes(), before + 1);
      assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
      assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
      assert.equal(await staleOnes(), before);
      return { outcome: 'R', code };
    }));

  it('is told that the key is taken for stolen, and no date of a certificate helps: C8', () =>
    attack('C8', async () => {
      const { host, hostId } = await fleet.trustedHost();
      refuse('compromised');
      assert.match((await fleet.stateOf(hostId)).reason?.subject ?? '', /taken for stolen/u);
      const code = 'AK_CERT_ISSUER_REFUSED';
      for (const daysAgo of [0, 1, 3]) {
        const from = new Date(Date.now() - daysAgo * 86_400_000);
        const forged = certify(host.ek, host.ak, 'software', from);
        const certificates = [forged];
        const renewal = renewCertificate(fleet.verifier, hostId, { certificates });
        await assert.rejects(renewal, { code, detail: `${ISSUER.keyId}: compromised` });
      }
      await assert.rejects(fleet.attest(host, hostId), { code });
      const enrolment = fleet.enrol(host, fleet.newName(), await fleet.joinToken());
      await assert.rejects(enrolment, { code });
      return { outcome: 'R', code };
    }));

  it('is stale too where its issuer is on no list any more', async () => {
    const { hostId } = await fleet.trustedHost();
    fleet.verifier.believe({ epoch: 3, anchors: [ISSUER_PEM], issuers: [NEXT_ISSUER] });
    const { state, reason } = await fleet.stateOf(hostId);
    assert.deepEqual([state, reason?.code], ['stale', 'AK_CERT_ISSUER_UNKNOWN']);
  });

  it('pending or revoked it stays what it is', async () => {
    const { hostId } = await fleet.enrol(fleet.newHost(), fleet.newName());
    refuse('compromised');
    assert.equal((await fleet.stateOf(hostId)).state, 'pending');
  });

  it('gets no permit from a replica that has not heard of it yet: the newest list is gone by', async () => {
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    const ca = (state: 'active' | 'refused', epoch: number) => ({
      request: async () =>
        ({
          ...{ schema: 'touchstone/ca-bundle/1', epoch, anchors: [ISSUER_PEM] },
          issuers: [{ keyId: ISSUER.keyId, certificate: ISSUER_PEM, state }],
        }) as never,
      close: async () => {},
    });
    const { database } = fleet.verifier;
    try {
      const behind = issuerList(ca('active', 1), database);
      await behind.poll();
      await issuerList(ca('refused', 2), database).poll();
      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      const verifier = { ...fleet.verifier, issuers: behind };
      await assert.rejects(takePermitRequest(verifier, evidence), {
        code: 'AK_CERT_ISSUER_REFUSED',
      });
      const { boot } = await fleet.detailOf(hostId);
      assert.notEqual(boot?.clock, host.boot.clock.toString(), 'the mark has not moved');
    } finally {
      await fleet.verifier.asAdministrator('DELETE FROM ca_bundle');
    }
  });
});
