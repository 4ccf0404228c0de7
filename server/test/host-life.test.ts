import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ApiToken, Evidence, PermitsAnswer, StartRequest } from '@touchstone/schemas';
import { approveBaselines } from '../services/approve-baselines.ts';
import { approveHost, revokeHost } from '../services/approve-host.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { enrolHost } from '../services/enrol-host.ts';
import { giveChallenge } from '../services/give-challenge.ts';
import { explainHost, viewHost } from '../services/host-views.ts';
import { createJoinToken, revokeJoinToken } from '../services/join-tokens.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { registerVm, viewStarts } from '../services/vms.ts';
import { makeHost, type MadeHost } from './support/made-host.ts';
import { type MadeVerifier, startVerifier } from './support/made-verifier.ts';

const BY: ApiToken = {
  id: randomUUID(),
  name: 'olga',
  roles: ['viewer', 'operator', 'approver'],
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: null,
  revokedAt: null,
};

describe('The life of a host', () => {
  let verifier: MadeVerifier;
  before(async () => {
    verifier = await startVerifier();
  });
  after(() => verifier?.stop());

  let names = 0;
  const newName = () => `host-${(names += 1)}`;
  const challengeFor = (host: MadeHost, purpose: 'attest' | 'permit' | 'enrol') =>
    giveChallenge(verifier, { akName: host.akName, purpose }).challenge;
  const joinToken = async (approve = true) =>
    (await createJoinToken(verifier, BY, { classes: ['software'], labels: {}, approve })).token;
  const enrol = (host: MadeHost, name: string, token?: string) =>
    enrolHost(
      verifier,
      host.enrolment(challengeFor(host, 'enrol'), {
        name,
        ...(token === undefined ? {} : { joinToken: token }),
      }),
    );
  const attest = (host: MadeHost, hostId: string) =>
    takeAttestation(
      verifier,
      host.answer({ purpose: 'attest', challenge: challengeFor(host, 'attest'), hostId }),
    );
  const evidenceOf = (host: MadeHost, hostId: string) =>
    host.answer({ purpose: 'attest', challenge: challengeFor(host, 'attest'), hostId });
  const requestFor = (vm: string): StartRequest => ({
    requestId: randomUUID(),
    vm,
    operation: 'start',
    definitionDigest: 'd'.repeat(64),
    imageDigests: [],
  });
  const permitEvidence = (host: MadeHost, hostId: string, request: StartRequest) =>
    host.answer({ purpose: 'permit', challenge: challengeFor(host, 'permit'), hostId, request });
  const stateOf = async (id: string) => (await viewHost(verifier, id)).host;

  const alerts = async (code: string, subject: string) => {
    const sql = 'SELECT count::int FROM alerts WHERE code = $1 AND subject = $2';
    return (await verifier.asAdministrator(sql, [code, subject]))[0]?.['count'];
  };

  /** A host whose baseline was captured and approved. */
  async function trustedHost() {
    const host = makeHost();
    const name = newName();
    const { hostId, state } = await enrol(host, name, await joinToken());
    assert.equal(state, 'untrusted', 'P1: no policy is never trusted');
    const captured = await captureBaseline(verifier, BY, hostId, {
      name,
      labels: {},
      acceptUnverified: true,
    });
    assert.ok(captured.baselines.every((record) => record.state === 'draft'));
    const approved = await approveBaselines(verifier, BY, name, {});
    return { host, hostId, name, approved };
  }
  async function registeredVm() {
    const uuid = randomUUID();
    const name = newName();
    await registerVm(verifier, BY, {
      uuid,
      name,
      classes: ['software'],
      hostLabels: {},
      images: [],
    });
    return uuid;
  }
  const vmOfTrusted = async () => ({ ...(await trustedHost()), vm: await registeredVm() });
  const first = ({ answers }: PermitsAnswer) => {
    const [answer] = answers;
    assert.ok(answer !== undefined);
    return answer;
  };
  const refusalCodes = (answer: PermitsAnswer) => {
    const one = first(answer);
    assert.ok('refusal' in one, 'a permit was given');
    return one.refusal.findings.map(({ code }) => code);
  };
  /** Baselines of other tests are for every software host; each test takes back what it approved. */
  afterEach(() => verifier.asAdministrator(`UPDATE baselines SET state = 'retired'`));

  describe('enrols', () => {
    it('without a join token as pending, whatever it measured', async () => {
      const host = makeHost();
      const answer = await enrol(host, newName());
      assert.equal(answer.state, 'pending');
      assert.equal((await attest(host, answer.hostId)).state, 'pending');
      assert.equal((await stateOf(answer.hostId)).reason?.code, 'HOST_PENDING');
    });

    it('with a token that does not approve as pending, until an operator approves its AK Name', async () => {
      const host = makeHost();
      const { hostId, state } = await enrol(host, newName(), await joinToken(false));
      assert.equal(state, 'pending');
      const approval = { akName: host.akName, classes: ['software' as const] };
      await assert.rejects(
        approveHost(verifier, BY, hostId, { ...approval, akName: makeHost().akName }),
        { code: 'AK_NAME_CHANGED' },
      );
      await assert.rejects(
        approveHost(verifier, BY, hostId, { ...approval, classes: ['discrete'] }),
        {
          code: 'CLASS_NOT_APPROVED',
        },
      );
      const detail = await approveHost(verifier, BY, hostId, approval);
      assert.equal(detail.host.state, 'untrusted');
      assert.equal(detail.host.reason?.code, 'NO_BASELINE');
      assert.equal(detail.approvedAkName, host.akName);
    });

    it('once with one token: JOIN_TOKEN_USED, and the host is not there', async () => {
      const token = await joinToken();
      await enrol(makeHost(), newName(), token);
      const name = newName();
      await assert.rejects(enrol(makeHost(), name, token), { code: 'JOIN_TOKEN_USED' });
      await assert.rejects(viewHost(verifier, name), { code: 'HOST_UNKNOWN' });
    });

    it('not with a token that is unknown, revoked or for another class', async () => {
      await assert.rejects(enrol(makeHost(), newName(), `tsj_${'A'.repeat(43)}`), {
        code: 'JOIN_TOKEN_UNKNOWN',
      });
      const made = await createJoinToken(verifier, BY, { classes: ['discrete'], labels: {} });
      await assert.rejects(enrol(makeHost(), newName(), made.token), {
        code: 'CLASS_NOT_ADMITTED',
      });
      await revokeJoinToken(verifier, BY, made.record.id);
      await assert.rejects(enrol(makeHost({ class: 'discrete' }), newName(), made.token), {
        code: 'JOIN_TOKEN_EXPIRED',
      });
    });

    it('again with the same TPM and AK as the same host: the answer was lost', async () => {
      const host = makeHost();
      const name = newName();
      const token = await joinToken();
      const { hostId } = await enrol(host, name, token);
      assert.equal((await enrol(host, name, token)).hostId, hostId);
    });

    it('not under another name with a known TPM: EK_ALREADY_BOUND, and an alert', async () => {
      const host = makeHost();
      const name = newName();
      await enrol(host, name);
      await assert.rejects(enrol(host, newName()), { code: 'EK_ALREADY_BOUND' });
      assert.equal(await alerts('EK_ALREADY_BOUND', name), 1);
    });

    it('not in the place of another TPM: REPLACEMENT_QUEUED; the old identity stays', async () => {
      const host = makeHost();
      const name = newName();
      const { hostId } = await enrol(host, name);
      await assert.rejects(enrol(makeHost(), name, await joinToken()), {
        code: 'REPLACEMENT_QUEUED',
      });
      assert.equal(await alerts('REPLACEMENT_QUEUED', name), 1);
      assert.equal((await stateOf(hostId)).akName, host.akName);
    });

    it('not with another AK of a known TPM: REENROLMENT_QUEUED; the old identity stays', async () => {
      const host = makeHost();
      const name = newName();
      const { hostId } = await enrol(host, name);
      await assert.rejects(enrol(makeHost({ ek: host.ek }), name), { code: 'REENROLMENT_QUEUED' });
      assert.equal((await stateOf(hostId)).akName, host.akName);
    });

    it('one of two at once under one name', async () => {
      const name = newName();
      const outcomes = await Promise.allSettled([enrol(makeHost(), name), enrol(makeHost(), name)]);
      assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    });
  });

  describe('attests', () => {
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
      const { findings, host: shown } = await explainHost(verifier, hostId);
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
      assert.equal((await approveHost(verifier, BY, hostId, approval)).host.state, 'trusted');
    });

    it('G24 Q2 twice with the same evidence and gets the stored answer, and nothing changes', async () => {
      const { host, hostId } = await trustedHost();
      const evidence = evidenceOf(host, hostId);
      const answer = await takeAttestation(verifier, evidence);
      verifier.pass(90);
      assert.deepEqual(await takeAttestation(verifier, evidence), answer);
      const rows = await verifier.asAdministrator(
        `SELECT count(*)::int AS count FROM attestations WHERE host_id = $1 AND cause = 'evidence'`,
        [hostId],
      );
      assert.equal(rows[0]?.['count'], 2, 'the enrolment and this one');
    });

    it('G24 twice at once and gets one answer', async () => {
      const { host, hostId } = await trustedHost();
      const evidence = evidenceOf(host, hostId);
      const [one, other] = await Promise.all([
        takeAttestation(verifier, evidence),
        takeAttestation(verifier, evidence),
      ]);
      assert.deepEqual(one, other);
    });

    it('G23 with good evidence that was kept back: EVIDENCE_SUPERSEDED, and stays untrusted', async () => {
      const { host, hostId } = await trustedHost();
      const keptBack = evidenceOf(host, hostId);
      host.reboot('changed');
      await attest(host, hostId);
      await assert.rejects(takeAttestation(verifier, keptBack), { code: 'EVIDENCE_SUPERSEDED' });
      assert.equal((await stateOf(hostId)).state, 'untrusted');
    });

    it('Q1 with old evidence to an old challenge: CHALLENGE_EXPIRED', async () => {
      const { host, hostId } = await trustedHost();
      const old = evidenceOf(host, hostId);
      await attest(host, hostId);
      verifier.pass(61);
      await assert.rejects(takeAttestation(verifier, old), { code: 'CHALLENGE_EXPIRED' });
    });

    it('Q3 with a challenge that another host was given: CHALLENGE_WRONG_HOST', async () => {
      const { host, hostId } = await trustedHost();
      const challenge = challengeFor(makeHost(), 'attest');
      const evidence = host.answer({ purpose: 'attest', challenge, hostId });
      await assert.rejects(takeAttestation(verifier, evidence), { code: 'CHALLENGE_WRONG_HOST' });
    });

    it('with a resetCount that fell: TPM_ROLLED_BACK, untrusted, and an alert', async () => {
      const { host, hostId, name } = await trustedHost();
      host.reboot('good');
      await attest(host, hostId);
      host.boot.resetCount -= 1;
      verifier.pass(1);
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
      await assert.rejects(takeAttestation(verifier, forged), {
        code: 'SIGNATURE_INVALID',
        status: 422,
      });
      assert.equal((await stateOf(hostId)).state, 'trusted');
      assert.equal(await alerts('EVIDENCE_REJECTED', name), 1);
    });

    it('I33 with an answer to prove: WRONG_PURPOSE', async () => {
      const { host, hostId } = await trustedHost();
      const evidence = host.answer({ purpose: 'prove', challenge: '', hostId });
      await assert.rejects(takeAttestation(verifier, evidence), { code: 'WRONG_PURPOSE' });
    });

    it('and is stale after three intervals without; what lay beneath returns', async () => {
      const { host, hostId } = await trustedHost();
      await attest(host, hostId);
      verifier.pass(181);
      const { state, stateBeneath, reason } = await stateOf(hostId);
      assert.deepEqual([state, stateBeneath, reason?.code], ['stale', 'trusted', 'HOST_STALE']);
      await attest(host, hostId);
      assert.equal((await stateOf(hostId)).state, 'trusted');
    });

    it('and is revoked for good', async () => {
      const { host, hostId } = await trustedHost();
      await revokeHost(verifier, BY, hostId, { reason: 'sold' });
      assert.equal((await attest(host, hostId)).state, 'revoked');
      const approval = { akName: host.akName, classes: ['software' as const] };
      await assert.rejects(approveHost(verifier, BY, hostId, approval), { code: 'HOST_REVOKED' });
    });
  });

  describe('asks to start a VM', () => {
    it('and gets a permit for its AK, its challenge and its request', async () => {
      const { host, hostId, vm } = await vmOfTrusted();
      const request = requestFor(vm);
      const answer = first(
        await takePermitRequest(verifier, permitEvidence(host, hostId, request)),
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
      const { starts } = await viewStarts(verifier, vm);
      assert.deepEqual(
        starts.map(({ requestId, decision }) => [requestId, decision]),
        [[request.requestId, 'permitted']],
      );
    });

    it('Q2 twice with the same evidence and gets the same permit', async () => {
      const { host, hostId, vm } = await vmOfTrusted();
      const evidence = permitEvidence(host, hostId, requestFor(vm));
      const answer = await takePermitRequest(verifier, evidence);
      assert.deepEqual(await takePermitRequest(verifier, evidence), answer);
    });

    it('twice for one request with other evidence and gets no second permit', async () => {
      const { host, hostId, vm } = await vmOfTrusted();
      const request = requestFor(vm);
      await takePermitRequest(verifier, permitEvidence(host, hostId, request));
      const again = await takePermitRequest(verifier, permitEvidence(host, hostId, request));
      assert.deepEqual(refusalCodes(again), ['REQUEST_ALREADY_ANSWERED']);
    });

    it('G1 after a reboot into a changed state and is refused, with the event', async () => {
      const { host, hostId, vm } = await vmOfTrusted();
      host.reboot('changed');
      const answer = await takePermitRequest(
        verifier,
        permitEvidence(host, hostId, requestFor(vm)),
      );
      assert.equal(answer.state, 'untrusted');
      assert.deepEqual(refusalCodes(answer).slice(0, 2), ['HOST_NOT_TRUSTED', 'EVENT_DIFFERS']);
      const { starts } = await viewStarts(verifier, vm);
      assert.equal(starts[0]?.code, 'HOST_NOT_TRUSTED');
    });

    it('good again in the bad boot and is refused until a reboot', async () => {
      const { host, hostId, vm } = await vmOfTrusted();
      host.reboot('changed');
      await attest(host, hostId);
      host.boot.file = 'good';
      const answer = await takePermitRequest(
        verifier,
        permitEvidence(host, hostId, requestFor(vm)),
      );
      assert.deepEqual(refusalCodes(answer), ['HOST_NOT_TRUSTED', 'STATE_UNTRUSTED_UNTIL_REBOOT']);
    });

    it('while pending, and is refused', async () => {
      const host = makeHost();
      const { hostId } = await enrol(host, newName());
      const request = requestFor(await registeredVm());
      const answer = await takePermitRequest(verifier, permitEvidence(host, hostId, request));
      assert.ok(refusalCodes(answer).includes('HOST_PENDING'));
    });

    it('with attest evidence at the permits: WRONG_PURPOSE', async () => {
      const { host, hostId } = await trustedHost();
      await assert.rejects(takePermitRequest(verifier, evidenceOf(host, hostId)), {
        code: 'WRONG_PURPOSE',
      });
    });
  });

  describe('is held against baselines', () => {
    it('P2 of which a malformed one is refused at upload, with its line', async () => {
      const yaml = 'kind: baseline\npart: runtime\nname: x\nversion: 1\nwhatever: 1\n';
      await assert.rejects(
        draftBaselines(verifier, BY, yaml),
        (error: { code: string; status: number }) => {
          assert.match(error.code, /^BASELINE_/u);
          assert.equal(error.status, 422);
          return true;
        },
      );
    });

    it('of which a drafted version never changes: BASELINE_VERSION_EXISTS', async () => {
      const { name } = await trustedHost();
      const [record] = (await captureBaseline(verifier, BY, name, { name: newName() })).baselines;
      assert.ok(record !== undefined);
      const again = await draftBaselines(verifier, BY, record.yaml);
      assert.equal(again.baselines[0]?.yaml, record.yaml);
      const changed = record.yaml.replaceAll('agent.json', 'agent.yaml');
      assert.notEqual(changed, record.yaml);
      await assert.rejects(draftBaselines(verifier, BY, changed), {
        code: 'BASELINE_VERSION_EXISTS',
      });
    });

    it('P10 that are not captured from a host that is not trusted, unless said twice', async () => {
      const host = makeHost();
      const { hostId } = await enrol(host, newName(), await joinToken());
      await assert.rejects(captureBaseline(verifier, BY, hostId, { name: newName() }), {
        code: 'HOST_NOT_VERIFIED',
      });
    });

    it('of which a new version takes the place of the old', async () => {
      const { host, hostId, name } = await trustedHost();
      host.reboot('new');
      assert.equal((await attest(host, hostId)).state, 'untrusted');
      await captureBaseline(verifier, BY, hostId, { name, acceptUnverified: true });
      const approved = await approveBaselines(verifier, BY, name, {});
      assert.deepEqual(
        approved.baselines.map(({ baseline }) => baseline.version),
        [2],
      );
      assert.equal((await stateOf(hostId)).state, 'trusted');
      await assert.rejects(approveBaselines(verifier, BY, name, {}), { code: 'BASELINE_NO_DRAFT' });
    });
  });
});
