import assert from 'node:assert/strict';
import { takePermitRequest } from '../services/take-evidence.ts';
import { viewStarts } from '../services/vms.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('A host: asks to start a VM', () => {
  const fleet = useFleet();
  const {
    newName,
    enrol,
    attest,
    evidenceOf,
    requestFor,
    permitEvidence,
    trustedHost,
    registeredVm,
    vmOfTrusted,
    first,
    refusalCodes,
  } = fleet;

  it('and gets a permit for its AK, its challenge and its request', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const request = requestFor(vm);
    const answer = first(
      await takePermitRequest(fleet.verifier, permitEvidence(host, hostId, request)),
    );
    assert.ok('permit' in answer, JSON.stringify(answer));
    const [, payload = ''] = answer.permit.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    assert.equal(claims['aud'], host.akName);
    assert.deepEqual(claims['touchstone.request'], request);
    assert.deepEqual(claims['touchstone.boot'], {
      resetCount: host.boot.resetCount,
      restartCount: 0,
      clock: host.boot.clock.toString(),
    });
    const { starts } = await viewStarts(fleet.verifier, vm, FIRST_PAGE);
    assert.deepEqual(
      starts.map(({ requestId, decision }) => [requestId, decision]),
      [[request.requestId, 'permitted']],
    );
  });

  it('Q2 twice with the same evidence and gets the same permit', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const evidence = permitEvidence(host, hostId, requestFor(vm));
    const answer = await takePermitRequest(fleet.verifier, evidence);
    assert.deepEqual(await takePermitRequest(fleet.verifier, evidence), answer);
  });

  it('twice for one request with other evidence and gets no second permit', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const request = requestFor(vm);
    await takePermitRequest(fleet.verifier, permitEvidence(host, hostId, request));
    const again = await takePermitRequest(fleet.verifier, permitEvidence(host, hostId, request));
    assert.deepEqual(refusalCodes(again), ['REQUEST_ALREADY_ANSWERED']);
  });

  it('G1 after a reboot into a changed state and is refused, with the event', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    host.reboot('changed');
    const answer = await takePermitRequest(
      fleet.verifier,
      permitEvidence(host, hostId, requestFor(vm)),
    );
    assert.equal(answer.state, 'untrusted');
    assert.deepEqual(refusalCodes(answer).slice(0, 2), ['HOST_NOT_TRUSTED', 'EVENT_DIFFERS']);
    const { starts } = await viewStarts(fleet.verifier, vm, FIRST_PAGE);
    assert.equal(starts[0]?.code, 'HOST_NOT_TRUSTED');
  });

  it('good again in the bad boot and is refused until a reboot', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    host.reboot('changed');
    await attest(host, hostId);
    host.boot.file = 'good';
    const answer = await takePermitRequest(
      fleet.verifier,
      permitEvidence(host, hostId, requestFor(vm)),
    );
    assert.deepEqual(refusalCodes(answer), ['HOST_NOT_TRUSTED', 'STATE_UNTRUSTED_UNTIL_REBOOT']);
  });

  it('while pending, and is refused', async () => {
    const host = makeHost();
    const { hostId } = await enrol(host, newName());
    const request = requestFor(await registeredVm());
    const answer = await takePermitRequest(fleet.verifier, permitEvidence(host, hostId, request));
    assert.ok(refusalCodes(answer).includes('HOST_PENDING'));
  });

  it('with attest evidence at the permits: WRONG_PURPOSE', async () => {
    const { host, hostId } = await trustedHost();
    await assert.rejects(takePermitRequest(fleet.verifier, evidenceOf(host, hostId)), {
      code: 'WRONG_PURPOSE',
    });
  });
});
