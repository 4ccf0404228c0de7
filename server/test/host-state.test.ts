import assert from 'node:assert/strict';
import type { Verdict } from '@touchstone/schemas';
import {
  shownState,
  standingAfterApproval,
  standingAfterEvidence,
} from '../services/host-state.ts';
import type { Standing, StoredState } from '../store/host.ts';

const standing = (state: StoredState): Standing => ({
  state,
  untrustedResetCount: state === 'untrusted' ? 7n : null,
});

describe('Host state', () => {
  const cases: [StoredState, Verdict, bigint, StoredState, bigint | null][] = [
    // before, verdict, resetCount; after, the boot that a later one has to follow
    ['pending', 'affirming', 8n, 'pending', null],
    ['pending', 'contraindicated', 8n, 'pending', null],
    ['revoked', 'affirming', 8n, 'revoked', null],
    ['revoked', 'contraindicated', 8n, 'revoked', null],
    ['trusted', 'affirming', 8n, 'trusted', null],
    ['trusted', 'warning', 8n, 'trusted', null],
    ['trusted', 'none', 8n, 'untrusted', 8n],
    ['trusted', 'contraindicated', 8n, 'untrusted', 8n],
    ['untrusted', 'affirming', 7n, 'untrusted', 7n],
    ['untrusted', 'affirming', 8n, 'trusted', null],
    ['untrusted', 'warning', 8n, 'trusted', null],
    ['untrusted', 'none', 8n, 'untrusted', 8n],
    ['untrusted', 'contraindicated', 8n, 'untrusted', 8n],
  ];
  for (const [before, verdict, resetCount, state, untrustedResetCount] of cases) {
    it(`${before} + ${verdict} evidence of boot ${resetCount} = ${state}`, () => {
      assert.deepEqual(standingAfterEvidence(standing(before), { verdict, resetCount }), {
        state,
        untrustedResetCount,
      });
    });
  }

  it('an unknown verdict is a no', () => {
    const verdict = undefined as unknown as Verdict;
    assert.equal(
      standingAfterEvidence(standing('trusted'), { verdict, resetCount: 8n }).state,
      'untrusted',
    );
    assert.equal(standingAfterApproval({ verdict, resetCount: 8n }).state, 'untrusted');
  });

  it('an approval decides about this boot, and leaves bad evidence bad', () => {
    assert.equal(standingAfterApproval({ verdict: 'warning', resetCount: 7n }).state, 'trusted');
    assert.deepEqual(standingAfterApproval({ verdict: 'contraindicated', resetCount: 7n }), {
      state: 'untrusted',
      untrustedResetCount: 7n,
    });
  });

  it('is stale after three intervals, but for pending and revoked', () => {
    const at = (seconds: number) => new Date(seconds * 1_000);
    const shown = (state: StoredState, now: number) =>
      shownState(
        { state, stateSince: at(0), lastAuthenticAt: at(100), akIssuer: 'aa', markIssuer: null },
        { now: at(now), intervalSeconds: 60, known: null },
      );
    assert.deepEqual(shown('trusted', 280), { state: 'trusted', since: at(0), lost: null });
    assert.deepEqual(shown('trusted', 281), { state: 'stale', since: at(280), lost: null });
    assert.equal(shown('untrusted', 281).state, 'stale');
    assert.equal(shown('pending', 281).state, 'pending');
    assert.equal(shown('revoked', 281).state, 'revoked');
  });
});
