import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeAttestation } from '../services/take-evidence.ts';
import type { Verifier } from '../services/verifier.ts';
import { useFleet } from './support/made-fleet.ts';

const CONNECTIONS = 10;

/** It says nothing of the evidence: refused for the moment, and nobody loses trust by it. */
describe('A database that is away leaves a host trusted', () => {
  const fleet = useFleet();

  async function attestTo(change: (verifier: Verifier) => Partial<Verifier>) {
    const { host, hostId } = await fleet.trustedHost();
    const evidence = fleet.evidenceOf(host, hostId);
    const verifier = { ...fleet.verifier, ...change(fleet.verifier) };
    await assert.rejects(takeAttestation(verifier, evidence), { code: 'DATABASE_UNAVAILABLE' });
    assert.equal((await fleet.stateOf(hostId)).state, 'trusted');
    assert.equal((await fleet.attest(host, hostId)).state, 'trusted');
  }

  it('whose transaction it ends while the evidence is appraised', () =>
    attestTo(({ appraiser }) => ({
      appraiser: {
        ...appraiser,
        appraiseAgain: async (...given) => {
          await fleet.verifier.asAdministrator(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'`,
          );
          // Until the news is here: it comes while nothing is asked.
          await sleep(300);
          return appraiser.appraiseAgain(...given);
        },
      },
    })));

  it('for which it has no connection in time', () =>
    attestTo(({ database }) => ({
      database: {
        ...database,
        transaction: async (work) => {
          const done = new EventEmitter();
          const held = Array.from({ length: CONNECTIONS }, () =>
            database.transaction(() => once(done, 'done')),
          );
          try {
            return await database.transaction(work);
          } finally {
            done.emit('done');
            await Promise.all(held);
          }
        },
      },
    })));
});
