import assert from 'node:assert/strict';
import type { CaProgress } from '@touchstone/schemas';
import { estimatedEnd } from '../rotation/estimate.ts';
import type { Facts } from '../rotation/facts.ts';
import { standingOf } from '../rotation/phase-standing.ts';
import { remindersOf } from '../rotation/reminders.ts';
import type { Authority, RotationRecord } from '../store/index.ts';

const NOW = new Date('2030-05-01T12:00:00Z');
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);
const DAY = 86_400;

const rotation = (more: Partial<RotationRecord>): RotationRecord => ({
  ...{ id: 'r', kind: 'root', mode: 'planned', auto: true, phase: 'distribute' },
  ...{ startedAt: at(-60), startedBy: 'somebody', reason: 'a test', phaseSince: at(-60) },
  ...{ phaseEpoch: 7, oldRoot: 'aa', oldIssuing: 'ab', newRoot: 'ba', newIssuing: 'bb' },
  ...{ trouble: null, endedAt: null, canaries: [], forced: [] },
  ...more,
});
const hosts = (there: number, away = 0): CaProgress['behind'] => ({
  ...{ count: there + away, away },
  named: Array.from({ length: Math.min(100, there + away) }, (_, index) => ({
    ...{ name: `host-${index}`, ekRef: 'cd'.repeat(32), state: 'trusted' as const },
    ...{ away: index >= there, lastSeen: null },
  })),
});
const facts = (progress: Partial<CaProgress>, more: Partial<Facts> = {}): Facts => ({
  ...{ now: NOW, epoch: 9, issued: new Map(), canariesLeft: [] },
  report: {
    receivedAt: at(-5),
    progress: {
      ...{ schema: 'touchstone/ca-progress/1', at: at(-5).toISOString(), caEpoch: 7 },
      ...{ trustBundleEpoch: 1, hosts: 1_000, behind: hosts(0), issuers: [] },
      ...progress,
    },
  },
  ...more,
});
const count = (one: RotationRecord, known: Facts) => standingOf(one, known).blockerCount;

describe('what a rotation waits for', () => {
  it('is a report of this phase, and of the last ten minutes', () => {
    const waits = rotation({});
    assert.equal(count(waits, facts({})), 0);
    assert.equal(count(waits, facts({ caEpoch: 6 })), 1);
    assert.equal(count(waits, facts({ caEpoch: 9 })), 0);
    // This CA was put back to an older state, and the verifier takes none of its lists.
    assert.equal(count(waits, facts({ caEpoch: 10 })), 1);
    assert.equal(count({ ...waits, phase: 'retire' }, facts({ caEpoch: 10 })), 1);
    assert.equal(count(waits, facts({}, { report: undefined })), 1);
    const known = facts({});
    assert.ok(known.report);
    for (const [seconds, blocked] of [
      [-599, 0],
      [-601, 1],
    ] as const) {
      const report: Facts['report'] = { ...known.report, receivedAt: at(seconds) };
      assert.equal(count(waits, { ...known, report }), blocked);
    }
  });

  it('is every host that lacks the new anchor, with the number of those that are not named', () => {
    const { blockers, blockerCount, done, of } = standingOf(
      rotation({}),
      facts({ behind: hosts(250) }),
    );
    assert.deepEqual([blockers.length, blockerCount, done, of], [100, 250, 750, 1_000]);
    assert.equal(count(rotation({ kind: 'issuing' }), facts({ behind: hosts(250) })), 0);
  });

  it('is a host that is away for a day where it goes on by itself, and always where it does not', () => {
    const away = facts({ behind: hosts(0, 2) });
    assert.equal(count(rotation({}), away), 2);
    assert.equal(count(rotation({ phaseSince: at(-DAY) }), away), 0);
    assert.equal(count(rotation({ phaseSince: at(-30 * DAY), auto: false }), away), 2);
  });

  it('is a canary of a rehearsal that lacks it, or that may be among those who are not named', () => {
    const canary = { name: 'canary', ekRef: 'cd'.repeat(32) };
    const other = { name: 'other', ekRef: 'ef'.repeat(32) };
    const rehearses = (canaries: RotationRecord['canaries']) =>
      rotation({ mode: 'rehearsal', canaries });
    assert.equal(count(rehearses([canary, other]), facts({ behind: hosts(1) })), 1);
    assert.equal(count(rehearses([other]), facts({ behind: hosts(100) })), 0);
    assert.equal(count(rehearses([other]), facts({ behind: hosts(101) })), 1);
  });

  it('is certificates of the old issuer, as long as one of them is the newest of its AK', () => {
    const drains = rotation({ phase: 'drain' });
    const issued = (live: number) =>
      new Map([
        ['ab', { live, unexpired: 5, lastEnds: at(3 * DAY) }],
        ['bb', { live: 9, unexpired: 9, lastEnds: at(7 * DAY) }],
      ]);
    assert.equal(count(drains, facts({}, { issued: issued(2) })), 2);
    assert.equal(count(drains, facts({}, { issued: issued(0) })), 0);
    const silent = { issued: issued(0), report: undefined };
    assert.equal(count(drains, facts({}, silent)), 1, 'silence is no yes');
    assert.equal(count(drains, facts({}, { report: undefined })), 0, 'all have ended');
    const held = {
      issuers: [{ keyId: 'ab', hosts: hosts(1, 3), vms: { count: 0, named: [] } }],
    };
    assert.equal(count(drains, facts(held, { issued: issued(0) })), 1);
  });
});

describe('when a phase may be over', () => {
  const endOf = (one: RotationRecord, known: Facts) =>
    estimatedEnd(one, known, standingOf(one, known))?.toISOString() ?? null;

  it('goes by the pace so far', () => {
    const known = facts({ behind: hosts(500) });
    assert.equal(endOf(rotation({ phaseSince: at(-100) }), known), at(100).toISOString());
    assert.equal(endOf(rotation({ phaseSince: at(-5) }), known), null);
    assert.equal(endOf(rotation({}), facts({ behind: hosts(1_000) })), null);
  });

  it('is the end of the last certificate, and of the day for which a host that is away is waited for', () => {
    const issued = new Map([['ab', { live: 1, unexpired: 1, lastEnds: at(2 * DAY) }]]);
    const drains = rotation({ phase: 'drain' });
    assert.equal(endOf(drains, facts({}, { issued })), at(2 * DAY).toISOString());
    const away = facts({ behind: hosts(0, 1) });
    assert.equal(endOf(rotation({}), away), at(DAY - 60).toISOString());
  });
});

describe('reminders', () => {
  const authority = (role: Authority['role'], days: number): Authority => ({
    ...{ keyId: 'ab', role, certificate: new Uint8Array(), signedBy: 'aa', notBefore: NOW },
    ...{ notAfter: at(days * DAY), state: 'active', reason: null, rotationId: null },
  });
  const texts = (authorities: readonly Authority[], open?: RotationRecord) =>
    remindersOf(authorities, open, NOW).map(({ text }) => text);

  it('come half a year before, are urgent in the last month, and know no issuers', () => {
    assert.deepEqual(texts([authority('issuing', 181)]), []);
    assert.deepEqual(texts([authority('issuing', 100), authority('root', 20)]), [
      'The key that all hosts trust ends in 20 days, on 2030-05-21. Start `touchstone ca rotate start --kind root --auto` now.',
      'The key that vouches for hosts ends on 2030-08-09. Start `touchstone ca rotate start --auto` before then.',
    ]);
    assert.match(texts([authority('issuing', -2)])[0] ?? '', /ended on 2030-04-29: no host can/u);
    assert.doesNotMatch(texts([authority('issuing', 1), authority('root', 1)]).join(), /issu/u);
  });

  it('are over when a rotation replaces what ends', () => {
    const ending = [authority('issuing', 10), authority('root', 10)];
    assert.equal(texts(ending, rotation({ kind: 'root' })).length, 0);
    assert.equal(texts(ending, rotation({ kind: 'issuing' })).length, 1);
    assert.equal(texts(ending, rotation({ mode: 'rehearsal' })).length, 2);
    assert.equal(texts(ending, rotation({ phase: 'rolling-back' })).length, 2);
  });
});
