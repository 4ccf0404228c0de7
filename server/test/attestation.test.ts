import assert from 'node:assert/strict';
import type { Evidence } from '@touchstone/schemas';
import { approveHost, revokeHost } from '../services/approve-host.ts';
import { explainHost } from '../services/host-views.ts';
import { takeAttestation } from '../services/take-evidence.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('A host: attests', () => {
  const fleet = useFleet();
  const { challengeFor, attest, evidenceOf, stateOf, alerts, trustedHost } = fleet;

  it('and is trusted once its baseline is approved, which names it as changed', async () => {
    const { host, hostId, name, approved } = await trustedHost();
    assert.deepEqual(approved.changedHosts, [
      { id: hostId, name, from: 'untrusted', to: 'trusted' },
    ]);
    const answer = await attest(host, hostId);
    assert.equal(answer.state, 'trusted');
    assert.notEqual(answer.verdict, 'contraindicated');
  });

  it('and becomes untrusted by another file, with the event and what was expected', async () => {
    const { host, hostId } = await trustedHost();
    host.reboot('changed');
    assert.equal((await attest(host, hostId)).state, 'untrusted');
    const { findings, host: shown } = await explainHost(fleet.verifier, hostId);
    const [finding] = findings.filter(({ effect }) => effect === 'enforce');
    assert.equal(finding?.code, 'EVENT_DIFFERS');
    assert.equal(finding?.event?.pcr, 13);
    assert.equal(shown.reason?.code, 'EVENT_DIFFERS');
  });

  it('good again in the same boot and stays untrusted; after a reboot it is trusted', async () => {
    const { host, hostId } = await trustedHost();
    host.reboot('changed');
    await attest(host, hostId);
    host.boot.file = 'good';
    assert.equal((await attest(host, hostId)).state, 'untrusted');
    assert.equal((await stateOf(hostId)).reason?.code, 'STATE_UNTRUSTED_UNTIL_REBOOT');
    host.reboot('good');
    assert.equal((await attest(host, hostId)).state, 'trusted');
  });

  it('good again in the same boot and an operator approves it as it is', async () => {
    const { host, hostId } = await trustedHost();
    host.reboot('changed');
    await attest(host, hostId);
    host.boot.file = 'good';
    await attest(host, hostId);
    const approval = { akName: host.akName, classes: ['software' as const] };
    assert.equal((await approveHost(fleet.verifier, BY, hostId, approval)).host.state, 'trusted');
  });

  it('G24 Q2 twice with the same evidence and gets the stored answer, and nothing changes', async () => {
    const { host, hostId } = await trustedHost();
    const evidence = evidenceOf(host, hostId);
    const answer = await takeAttestation(fleet.verifier, evidence);
    fleet.verifier.pass(90);
    assert.deepEqual(await takeAttestation(fleet.verifier, evidence), answer);
    const rows = await fleet.verifier.asAdministrator(
      `SELECT count(*)::int AS count FROM attestations WHERE host_id = $1 AND cause = 'evidence'`,
      [hostId],
    );
    assert.equal(rows[0]?.['count'], 2, 'the enrolment and this one');
  });

  it('G24 twice at once and gets one answer', async () => {
    const { host, hostId } = await trustedHost();
    const evidence = evidenceOf(host, hostId);
    const [one, other] = await Promise.all([
      takeAttestation(fleet.verifier, evidence),
      takeAttestation(fleet.verifier, evidence),
    ]);
    assert.deepEqual(one, other);
  });

  it('G23 with good evidence that was kept back: EVIDENCE_SUPERSEDED, and stays untrusted', async () => {
    const { host, hostId } = await trustedHost();
    const keptBack = evidenceOf(host, hostId);
    host.reboot('changed');
    await attest(host, hostId);
    await assert.rejects(takeAttestation(fleet.verifier, keptBack), {
      code: 'EVIDENCE_SUPERSEDED',
    });
    assert.equal((await stateOf(hostId)).state, 'untrusted');
  });

  it('Q1 with old evidence to an old challenge: CHALLENGE_EXPIRED', async () => {
    const { host, hostId } = await trustedHost();
    const old = evidenceOf(host, hostId);
    await attest(host, hostId);
    fleet.verifier.pass(61);
    await assert.rejects(takeAttestation(fleet.verifier, old), { code: 'CHALLENGE_EXPIRED' });
  });

  it('Q3 with a challenge that another host was given: CHALLENGE_WRONG_HOST', async () => {
    const { host, hostId } = await trustedHost();
    const challenge = challengeFor(makeHost(), 'attest');
    const evidence = host.answer({ purpose: 'attest', challenge, hostId });
    await assert.rejects(takeAttestation(fleet.verifier, evidence), {
      code: 'CHALLENGE_WRONG_HOST',
    });
  });

  it('with a resetCount that fell: TPM_ROLLED_BACK, untrusted, and an alert', async () => {
    const { host, hostId, name } = await trustedHost();
    host.reboot('good');
    await attest(host, hostId);
    host.boot.resetCount -= 1;
    fleet.verifier.pass(1);
    await assert.rejects(attest(host, hostId), { code: 'TPM_ROLLED_BACK' });
    assert.equal((await stateOf(hostId)).state, 'untrusted');
    assert.equal(await alerts('TPM_ROLLED_BACK', name), 1);
    host.reboot('good');
    assert.equal((await attest(host, hostId)).state, 'untrusted', 'a boot that was seen');
    host.reboot('good');
    assert.equal((await attest(host, hostId)).state, 'trusted');
  });

  it('P13 with evidence whose signature does not verify: 422, counted, the state unchanged', async () => {
    const { host, hostId, name } = await trustedHost();
    const evidence = evidenceOf(host, hostId);
    const other = evidenceOf(host, hostId);
    const forged: Evidence = {
      ...evidence,
      quote: { ...evidence.quote, signature: other.quote.signature },
    };
    await assert.rejects(takeAttestation(fleet.verifier, forged), {
      code: 'SIGNATURE_INVALID',
      status: 422,
    });
    assert.equal((await stateOf(hostId)).state, 'trusted');
    assert.equal(await alerts('EVIDENCE_REJECTED', name), 1);
  });

  it('I33 with an answer to prove: WRONG_PURPOSE', async () => {
    const { host, hostId } = await trustedHost();
    const evidence = host.answer({ purpose: 'prove', challenge: '', hostId });
    await assert.rejects(takeAttestation(fleet.verifier, evidence), { code: 'WRONG_PURPOSE' });
  });

  it('and is stale after three intervals without; what lay beneath returns', async () => {
    const { host, hostId } = await trustedHost();
    await attest(host, hostId);
    fleet.verifier.pass(181);
    const { state, stateBeneath, reason } = await stateOf(hostId);
    assert.deepEqual([state, stateBeneath, reason?.code], ['stale', 'trusted', 'HOST_STALE']);
    await attest(host, hostId);
    assert.equal((await stateOf(hostId)).state, 'trusted');
  });

  it('and is revoked for good', async () => {
    const { host, hostId } = await trustedHost();
    await revokeHost(fleet.verifier, BY, hostId, { reason: 'sold' });
    assert.equal((await attest(host, hostId)).state, 'revoked');
    const approval = { akName: host.akName, classes: ['software' as const] };
    await assert.rejects(approveHost(fleet.verifier, BY, hostId, approval), {
      code: 'HOST_REVOKED',
    });
  });
});
