import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { formatBaselines } from '@touchstone/appraisal';
import type { ApiToken, Role } from '@touchstone/schemas';
import { createApiToken, createFirstToken, revokeApiToken } from '../services/api-tokens.ts';
import { approveBaselines } from '../services/approve-baselines.ts';
import { approveHost } from '../services/approve-host.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { createJoinToken } from '../services/join-tokens.ts';
import { labelHost } from '../services/label-host.ts';
import { listDrafted } from '../services/lists.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { changeQuorum, viewApprovals, viewQuorum, withdrawApproval } from '../services/quorum.ts';
import { retireBaselines } from '../services/retire-baselines.ts';
import { readQuorum } from '../store/approvals.ts';
import { useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

const WAITING = { code: 'QUORUM_WAITING', status: 409 };
const EVERY: Role[] = ['viewer', 'operator', 'approver'];

describe('Loosening, where it takes two people,', () => {
  const fleet = useFleet();
  let ada: ApiToken;
  let bob: ApiToken;

  const tokenOf = async (person: string): Promise<ApiToken> =>
    (await createApiToken(fleet.verifier, maker(), { name: person, person, roles: EVERY })).record;
  /** While the quorum is 1 anybody makes tokens for anybody. */
  const maker = (): ApiToken => ({
    ...{ id: randomUUID(), name: 'setup', person: 'setup', roles: EVERY },
    ...{ createdAt: '2026-01-01T00:00:00Z', expiresAt: null, revokedAt: null },
  });
  const setTo = (quorum: number) =>
    fleet.verifier.asAdministrator('UPDATE deployment SET quorum = $1', [quorum]);
  const waiting = async () =>
    (await viewApprovals(fleet.verifier, FIRST_PAGE, { all: false })).approvals;
  const audited = async (action: string) =>
    fleet.verifier.asAdministrator(
      'SELECT actor, subject, detail FROM audit WHERE action = $1 ORDER BY sequence DESC',
      [action],
    );

  beforeEach(async () => {
    await setTo(1);
    await fleet.verifier.asAdministrator('DELETE FROM approvals');
    ada = await tokenOf('ada');
    bob = await tokenOf('bob');
  });
  afterEach(() => setTo(1));

  /** A draft of what a pending host measured. */
  async function drafted() {
    const host = makeHost();
    const name = fleet.newName();
    const { hostId } = await fleet.enrol(host, name, await fleet.joinToken());
    const capture = { name, labels: {}, acceptUnverified: true };
    await captureBaseline(fleet.verifier, ada, hostId, capture);
    return { host, hostId, name };
  }
  const approve = (by: ApiToken, name: string) => approveBaselines(fleet.verifier, by, name, {});

  it('is done by one where the quorum is 1', async () => {
    const { name, hostId } = await drafted();
    await approve(ada, name);
    assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
    assert.deepEqual(await waiting(), []);
  });

  it('waits after the first: QUORUM_WAITING; the second makes it, and both are in the audit log', async () => {
    const { name, hostId } = await drafted();
    await setTo(2);
    await assert.rejects(approve(ada, name), WAITING);
    assert.equal((await fleet.stateOf(hostId)).state, 'untrusted');
    const [approval] = await waiting();
    assert.deepEqual([approval?.action, approval?.person], ['baseline.approve', 'ada']);
    const { baselines } = await approve(bob, name);
    assert.ok(baselines.every(({ state }) => state === 'active'));
    assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
    assert.deepEqual(await waiting(), []);
    const [second] = await audited('approval.second');
    assert.equal(second?.['actor'], `bob/${bob.id}`);
    assert.match(String(second?.['detail']), /first ada, ada; second bob/u);
    assert.equal((await audited('approval.first'))[0]?.['actor'], `ada/${ada.id}`);
  });

  it('is not made by one person twice, nor by another token of theirs', async () => {
    const { name } = await drafted();
    const laptop = { name: 'laptop', roles: EVERY };
    await setTo(2);
    const another = (await createApiToken(fleet.verifier, ada, laptop)).record;
    assert.equal(another.person, 'ada');
    for (const by of [ada, ada, another]) await assert.rejects(approve(by, name), WAITING);
    assert.equal((await waiting()).length, 1);
  });

  it('is not made by somebody whom one person alone brought in', async () => {
    await setTo(2);
    const eve = { name: 'eve', person: 'eve', roles: EVERY };
    await assert.rejects(createApiToken(fleet.verifier, ada, eve), WAITING);
    const { record } = await createApiToken(fleet.verifier, bob, eve);
    assert.equal(record.person, 'eve');
    // Who does not approve counts for nothing: one person makes such a token.
    const viewer = { name: 'wall', person: 'wall', roles: ['viewer' as const] };
    await createApiToken(fleet.verifier, ada, viewer);
  });

  it('counts for the very documents that were approved, and for no later ones', async () => {
    const { name, hostId, host } = await drafted();
    await setTo(2);
    await assert.rejects(approve(ada, name), WAITING);
    host.reboot('another');
    await fleet.attest(host, hostId);
    await captureBaseline(fleet.verifier, ada, hostId, { name, acceptUnverified: true });
    await assert.rejects(approve(bob, name), WAITING);
    assert.deepEqual((await waiting()).map(({ person }) => person).toSorted(), ['ada', 'bob']);
    assert.equal((await approve(ada, name)).baselines[0]?.baseline.version, 2);
  });

  it('begins again when the first has waited for a day', async () => {
    const { name } = await drafted();
    await setTo(2);
    await assert.rejects(approve(ada, name), WAITING);
    await fleet.verifier.asAdministrator(`UPDATE approvals SET expires_at = now() - interval '1s'`);
    assert.deepEqual(await waiting(), []);
    await assert.rejects(approve(bob, name), WAITING);
    const { approvals } = await viewApprovals(fleet.verifier, FIRST_PAGE, { all: true });
    assert.deepEqual(approvals.map(({ state }) => state).toSorted(), ['lapsed', 'waiting']);
    await approve(ada, name);
  });

  it('begins again when the first token was revoked meanwhile, or its approval taken back', async () => {
    const { name } = await drafted();
    await setTo(2);
    await assert.rejects(approve(ada, name), WAITING);
    await revokeApiToken(fleet.verifier, bob, ada.id);
    await assert.rejects(approve(bob, name), WAITING);
    const [mine] = await waiting();
    assert.equal(mine?.person, 'bob');
    await withdrawApproval(fleet.verifier, bob, mine?.id ?? '');
    await assert.rejects(withdrawApproval(fleet.verifier, bob, mine?.id ?? ''), {
      code: 'APPROVAL_UNKNOWN',
    });
    await setTo(1);
    const cleo = await tokenOf('cleo');
    await setTo(2);
    await assert.rejects(approve(cleo, name), WAITING);
    await approve(bob, name);
  });

  it('is made once, however many say it at once', async () => {
    const { host, name, hostId } = await drafted();
    await approve(ada, name);
    const token = { classes: ['software' as const], labels: {}, approve: true };
    await setTo(2);
    const asked = Array.from({ length: 6 }, (_, n) =>
      createJoinToken(fleet.verifier, n % 2 === 0 ? ada : bob, token),
    );
    const settled = await Promise.allSettled(asked);
    const made = settled.filter(({ status }) => status === 'fulfilled').length;
    const [counted] = await fleet.verifier.asAdministrator(
      `SELECT count(*)::int AS n FROM approvals WHERE state = 'made'`,
    );
    assert.ok(made >= 1 && made <= 3, `${made} tokens by six voices`);
    assert.equal(counted?.['n'], made, 'each of them by two');
    for (const one of settled) {
      if (one.status === 'rejected') assert.equal(one.reason.code, 'QUORUM_WAITING');
    }
    assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
  });

  it('is no change that only tightens: one person makes it, and nobody is trusted by it', async () => {
    const { host, hostId, name } = await drafted();
    await approve(ada, name);
    host.reboot('strange');
    assert.equal((await fleet.attest(host, hostId)).state, 'untrusted');
    host.boot.file = 'good';
    assert.equal((await fleet.attest(host, hostId)).state, 'untrusted', 'until another boot');
    const { baselines } = await listDrafted(fleet.verifier, FIRST_PAGE, name);
    const deny = [{ sha256: 'a'.repeat(64), why: 'known to be bad' }];
    const tighter = baselines.map(({ baseline }) => ({
      ...baseline,
      version: 2,
      rules: [
        ...baseline.rules,
        { id: 'denied', mode: 'enforce' as const, pcr: 13, type: 'EV_EVENT_TAG', deny },
      ],
    }));
    await draftBaselines(fleet.verifier, ada, formatBaselines(tighter));
    await setTo(2);
    const { baselines: approved } = await approve(ada, name);
    assert.deepEqual(
      approved.map(({ state }) => state),
      ['active'],
    );
    assert.equal((await fleet.stateOf(hostId)).state, 'untrusted');
    // Without a document that asks for less left, a host that rested on it has none: that tightens too.
    await retireBaselines(fleet.verifier, ada, name, { reason: 'gone' });
  });

  it('is the approval of a host, its labels, and a join token that approves; one that does not is none', async () => {
    const { host, hostId, name } = await drafted();
    await setTo(2);
    const approval = { akName: host.akName, classes: ['software' as const] };
    await assert.rejects(approveHost(fleet.verifier, ada, hostId, approval), WAITING);
    await approveHost(fleet.verifier, bob, hostId, approval);
    const labels = { set: { site: 'attic' }, remove: [] };
    await assert.rejects(labelHost(fleet.verifier, ada, name, labels), WAITING);
    assert.deepEqual((await fleet.stateOf(hostId)).labels, {});
    assert.deepEqual((await labelHost(fleet.verifier, bob, name, labels)).host.labels, {
      site: 'attic',
    });
    const joining = { classes: ['software' as const], labels: {} };
    await createJoinToken(fleet.verifier, ada, { ...joining, approve: false });
  });

  describe('and the quorum itself', () => {
    it('is raised by one person, and lowered by two', async () => {
      assert.equal((await changeQuorum(fleet.verifier, ada, { quorum: 2 })).quorum, 2);
      await assert.rejects(changeQuorum(fleet.verifier, ada, { quorum: 1 }), WAITING);
      assert.equal(await readQuorum(fleet.verifier.database), 2);
      assert.equal((await changeQuorum(fleet.verifier, bob, { quorum: 1 })).quorum, 1);
      const lines = [await audited('quorum.raise'), await audited('quorum.lower')];
      assert.deepEqual(
        lines.map(([line]) => line?.['detail']),
        ['1 -> 2', '2 -> 1'],
      );
    });

    it('is not raised while nobody could be the second: QUORUM_UNREACHABLE', async () => {
      await fleet.verifier.asAdministrator(
        `UPDATE api_tokens SET revoked_at = now() WHERE person <> 'ada'`,
      );
      assert.deepEqual((await viewQuorum(fleet.verifier)).approvers, ['ada']);
      const raised = changeQuorum(fleet.verifier, ada, { quorum: 2 });
      await assert.rejects(raised, { code: 'QUORUM_UNREACHABLE' });
    });

    it('of 2 from the start comes with a token for each of two people', async () => {
      await fleet.verifier.asAdministrator('UPDATE deployment SET first_token_at = NULL');
      const made = await createFirstToken(fleet.verifier.database, new Date(), 2);
      assert.deepEqual([made.record.person, made.second?.record.person], ['first', 'second']);
      assert.equal(await readQuorum(fleet.verifier.database), 2);
    });
  });
});
