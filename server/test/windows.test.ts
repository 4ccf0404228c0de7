import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { formatBaselines } from '@touchstone/appraisal';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { closeWindow, settleWindows } from '../services/end-window.ts';
import { labelHost } from '../services/label-host.ts';
import { openWindow } from '../services/open-window.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { retireBaselines } from '../services/retire-baselines.ts';
import { viewWindow, viewWindowHosts, viewWindows } from '../services/windows.ts';
import { baselineByKey } from '../store/baselines.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost, type MadeHost } from './support/made-host.ts';

const HOUR = 3_600;

describe('An update window', () => {
  const fleet = useFleet();
  afterEach(async () => {
    await fleet.verifier.asAdministrator(
      `UPDATE windows SET ended_at = now(), ended_by = 'person', settled_at = now() WHERE settled_at IS NULL`,
    );
  });

  const inAnHour = () =>
    new Date(fleet.verifier.clock.now().getTime() + HOUR * 1_000).toISOString();
  type Placed = { readonly host: MadeHost; readonly hostId: string; readonly name: string };
  /** Hosts of one site, trusted as what they booted first, and a draft of what comes next. */
  async function site(hosts: number) {
    const name = fleet.newName();
    const placed: Placed[] = [];
    for (let n = 0; n < hosts; n += 1) {
      const host = makeHost();
      const called = fleet.newName();
      const { hostId } = await fleet.enrol(host, called, await fleet.joinToken());
      await labelHost(fleet.verifier, BY, hostId, { set: { site: name }, remove: [] });
      placed.push({ host, hostId, name: called });
    }
    const [first] = placed;
    assert.ok(first);
    const capture = { name, labels: { site: name }, acceptUnverified: true };
    await captureBaseline(fleet.verifier, BY, first.hostId, capture);
    await approveBaselines(fleet.verifier, BY, name, {});
    const model = makeHost();
    model.boot.file = 'next';
    const { hostId } = await fleet.enrol(model, fleet.newName(), await fleet.joinToken());
    const { baselines } = await captureBaseline(fleet.verifier, BY, hostId, capture);
    const [old, next] = [1, 2].map((version) => ({ name, part: 'runtime' as const, version }));
    assert.ok(old && next);
    return { name, placed, first, old, next, drafts: baselines.map(({ baseline }) => baseline) };
  }
  const open = (name: string, options: { until?: string; hosts?: number } = {}) =>
    openWindow(fleet.verifier, BY, { name, until: inAnHour(), ...options });
  const update = async ({ host, hostId }: Placed, to = 'next') => {
    host.reboot(to);
    return (await fleet.attest(host, hostId)).state;
  };
  const stateOf = async (key: { name: string; part: 'runtime'; version: number }) =>
    (await baselineByKey(fleet.verifier.database, key))?.state;
  const audited = (action: string, subject: string) =>
    fleet.verifier.asAdministrator(
      'SELECT actor, detail FROM audit WHERE action = $1 AND subject = $2',
      [action, subject],
    );

  it('accepts the new beside the old, and nothing else', async () => {
    const { name, placed, next, old } = await site(3);
    const [one, two, three] = placed;
    assert.ok(one && two && three);
    const { window, baselines } = await open(name);
    assert.deepEqual([window.accepted, window.laggards, window.endedAt], [0, 3, null]);
    assert.deepEqual(
      baselines.map(({ state }) => state),
      ['window'],
    );
    assert.deepEqual([await stateOf(old), await stateOf(next)], ['active', 'window']);
    assert.equal(await update(one), 'trusted');
    assert.equal(await update(two, 'good'), 'trusted');
    assert.equal(await update(three, 'strange'), 'untrusted');
    const { accepted, laggards } = await viewWindow(fleet.verifier, name);
    assert.deepEqual([accepted, laggards], [1, 2]);
    const { hosts } = await viewWindowHosts(fleet.verifier, window.id, FIRST_PAGE);
    assert.deepEqual(
      hosts.map((host) => [host.name, host.acceptedAt !== null]),
      [one, two, three].map((host) => [host.name, host === one]),
    );
  });

  it('trusts again who had what is new before it was opened', async () => {
    const { name, first } = await site(1);
    assert.equal(await update(first), 'untrusted');
    const { changedHosts } = await open(name);
    assert.deepEqual(
      changedHosts.map(({ name: host, to }) => [host, to]),
      [[first.name, 'trusted']],
    );
  });

  it('ends at its time by itself: at that very instant the old is refused, before anybody settled it', async () => {
    const { name, placed, old, next } = await site(2);
    const [ahead, behind] = placed;
    assert.ok(ahead && behind);
    await open(name);
    assert.equal(await update(ahead), 'trusted');
    assert.equal((await fleet.attest(behind.host, behind.hostId)).state, 'trusted');
    fleet.verifier.pass(HOUR + 1);
    assert.equal((await fleet.attest(ahead.host, ahead.hostId)).state, 'trusted');
    assert.equal((await fleet.attest(behind.host, behind.hostId)).state, 'untrusted');
    assert.deepEqual([await stateOf(old), await stateOf(next)], ['active', 'window']);
    assert.equal((await viewWindow(fleet.verifier, name)).endedBy, 'until');

    await Promise.all([settleWindows(fleet.verifier), settleWindows(fleet.verifier)]);
    assert.deepEqual([await stateOf(old), await stateOf(next)], ['retired', 'active']);
    assert.equal((await fleet.attest(ahead.host, ahead.hostId)).state, 'trusted');
    assert.equal((await fleet.attest(behind.host, behind.hostId)).state, 'untrusted');
    assert.equal(await fleet.alerts('WINDOW_LAGGARDS', name), 1);
    const [line, ...more] = await audited('baseline.window.end', name);
    assert.equal(line?.['actor'], 'verifier');
    assert.match(String(line['detail']), /1 hosts accepted, 1 not/u);
    assert.equal(more.length, 0, 'once');
    assert.equal(await update(behind), 'trusted', 'once it is updated');
  });

  it('ends with the host that makes its number full, and each host counts once', async () => {
    const { name, placed, old, next } = await site(3);
    const [one, two, three] = placed;
    assert.ok(one && two && three);
    const { window } = await open(name, { hosts: 2 });
    for (let again = 0; again < 3; again += 1) assert.equal(await update(one), 'trusted');
    assert.equal((await viewWindow(fleet.verifier, window.id)).accepted, 1);
    assert.equal(await update(two), 'trusted');
    assert.equal((await fleet.attest(three.host, three.hostId)).state, 'untrusted');
    await settleWindows(fleet.verifier);
    assert.deepEqual([await stateOf(old), await stateOf(next)], ['retired', 'active']);
    const ended = await viewWindow(fleet.verifier, window.id);
    assert.deepEqual([ended.accepted, ended.endedBy, ended.laggards], [2, 'quota', 1]);
  });

  it('counts rightly when hosts come at once: the last of the quota is one, and it ends', async () => {
    const { name, placed } = await site(6);
    const { window } = await open(name, { hosts: 6 });
    for (const { host } of placed) host.reboot('next');
    const answers = await Promise.all(placed.map(({ host, hostId }) => fleet.attest(host, hostId)));
    assert.ok(answers.every(({ state }) => state === 'trusted'));
    await settleWindows(fleet.verifier);
    const ended = await viewWindow(fleet.verifier, window.id);
    assert.deepEqual([ended.accepted, ended.endedBy, ended.laggards], [6, 'quota', 0]);
    assert.equal((await audited('baseline.window.end', name)).length, 1);
    assert.equal(await fleet.alerts('WINDOW_LAGGARDS', name), undefined);
  });

  it('is closed for the new, or abandoned for the old; who rests on what goes loses trust', async () => {
    for (const abandon of [false, true]) {
      const { name, placed, old, next } = await site(2);
      const [ahead, behind] = placed;
      assert.ok(ahead && behind);
      const { window } = await open(name);
      await update(ahead);
      const loser = abandon ? ahead : behind;
      const closing = { abandon, reason: 'tried' };
      const { changedHosts } = await closeWindow(fleet.verifier, BY, name, closing);
      assert.deepEqual(
        changedHosts.map(({ name: host, to }) => [host, to]),
        [[loser.name, 'untrusted']],
      );
      const states = abandon ? ['active', 'retired'] : ['retired', 'active'];
      assert.deepEqual([await stateOf(old), await stateOf(next)], states);
      const { endedBy } = await viewWindow(fleet.verifier, window.id);
      assert.equal(endedBy, abandon ? 'abandoned' : 'person');
      await assert.rejects(closeWindow(fleet.verifier, BY, name, closing), {
        code: 'WINDOW_UNKNOWN',
      });
    }
  });

  it('does not bring the old back once its time is up', async () => {
    const { name } = await site(1);
    await open(name);
    fleet.verifier.pass(HOUR + 1);
    const closing = { abandon: true, reason: 'too late' };
    await assert.rejects(closeWindow(fleet.verifier, BY, name, closing), {
      code: 'WINDOW_UNKNOWN',
    });
  });

  it('is one at a time of a name, and nothing of it is approved or retired meanwhile: WINDOW_OPEN', async () => {
    const { name, drafts } = await site(1);
    await open(name);
    const yaml = formatBaselines(drafts.map((one) => ({ ...one, version: 3 })));
    await draftBaselines(fleet.verifier, BY, yaml);
    const refused = { code: 'WINDOW_OPEN' };
    await assert.rejects(open(name), refused);
    await assert.rejects(approveBaselines(fleet.verifier, BY, name, {}), refused);
    await assert.rejects(retireBaselines(fleet.verifier, BY, name, { reason: 'x' }), refused);
    assert.equal((await viewWindows(fleet.verifier, FIRST_PAGE, { all: false })).windows.length, 1);
  });

  it('is beside something, in the future, and of drafts', async () => {
    const { name } = await site(1);
    const late = new Date(fleet.verifier.clock.now().getTime() + 91 * 86_400_000).toISOString();
    for (const until of ['2020-01-01T00:00:00Z', late]) {
      await assert.rejects(open(name, { until }), { code: 'WINDOW_TIME' });
    }
    await assert.rejects(open(fleet.newName()), { code: 'BASELINE_NO_DRAFT' });
    const other = makeHost();
    const { hostId } = await fleet.enrol(other, fleet.newName(), await fleet.joinToken());
    const alone = fleet.newName();
    await captureBaseline(fleet.verifier, BY, hostId, { name: alone, acceptUnverified: true });
    await assert.rejects(open(alone), { code: 'WINDOW_NOTHING_BESIDE' });
  });

  it('takes two people where the quorum is 2, and one to close it', async () => {
    const { name } = await site(1);
    await fleet.verifier.asAdministrator('UPDATE deployment SET quorum = 2');
    try {
      const other = { ...BY, id: randomUUID(), name: 'otto', person: 'otto' };
      const sql = `INSERT INTO api_tokens (id, name, person, secret_hash, roles)
        VALUES ($1, 'olga', 'olga', decode(repeat('0f', 32), 'hex'), '{approver}')`;
      await fleet.verifier.asAdministrator(sql, [BY.id]);
      const until = inAnHour();
      await assert.rejects(open(name, { until }), { code: 'QUORUM_WAITING' });
      await assert.rejects(open(name, { until }), { code: 'QUORUM_WAITING' });
      assert.equal(
        (await viewWindows(fleet.verifier, FIRST_PAGE, { all: true })).windows.find(
          (one) => one.name === name,
        ),
        undefined,
      );
      const { window } = await openWindow(fleet.verifier, other, { name, until });
      assert.equal(window.endedAt, null);
      await closeWindow(fleet.verifier, BY, name, { abandon: true, reason: 'alone' });
    } finally {
      await fleet.verifier.asAdministrator('UPDATE deployment SET quorum = 1');
    }
  });
});
