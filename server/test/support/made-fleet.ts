import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiToken, PermitsAnswer, StartRequest } from '@touchstone/schemas';
import { approveBaselines } from '../../services/approve-baselines.ts';
import { captureBaseline } from '../../services/baselines.ts';
import { enrolHost } from '../../services/enrol-host.ts';
import { giveChallenge } from '../../services/give-challenge.ts';
import { viewHost } from '../../services/host-views.ts';
import { createJoinToken } from '../../services/join-tokens.ts';
import { takeAttestation } from '../../services/take-evidence.ts';
import { registerVm } from '../../services/vms.ts';
import { makeHost, type MadeHost } from './made-host.ts';
import { type MadeVerifier, startVerifier } from './made-verifier.ts';

export const BY: ApiToken = {
  id: randomUUID(),
  name: 'olga',
  person: 'olga',
  roles: ['viewer', 'operator', 'approver'],
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: null,
  revokedAt: null,
};

/** A verifier for the tests of one `describe`, and what is done with hosts all the time. */
export function useFleet() {
  let started: MadeVerifier | undefined;
  before(async () => {
    started = await startVerifier();
  });
  after(() => started?.stop());
  /** Baselines of one test are for every software host: it takes back what it approved. */
  afterEach(() => started?.asAdministrator(`UPDATE baselines SET state = 'retired'`));
  const verifier = (): MadeVerifier => {
    assert.ok(started !== undefined);
    return started;
  };

  let names = 0;
  const newName = () => `host-${(names += 1)}`;
  const challengeFor = (host: MadeHost, purpose: 'attest' | 'permit' | 'enrol') =>
    giveChallenge(verifier(), { akName: host.akName, purpose }).challenge;
  const joinToken = async (approve = true) =>
    (await createJoinToken(verifier(), BY, { classes: ['software'], labels: {}, approve })).token;
  const enrol = (host: MadeHost, name: string, token?: string) =>
    enrolHost(
      verifier(),
      host.enrolment(challengeFor(host, 'enrol'), {
        name,
        ...(token === undefined ? {} : { joinToken: token }),
      }),
    );
  const attest = (host: MadeHost, hostId: string) =>
    takeAttestation(
      verifier(),
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
  const secondRequestFor = (vm: string, more: Partial<StartRequest> = {}): StartRequest => ({
    ...{ ...requestFor(vm), door: 'libvirt', dataDisks: [], ...more },
  });
  /** Several requests in one statement of the second version. */
  const batchEvidence = (
    host: MadeHost,
    hostId: string,
    permits: StartRequest[],
    sessionNonce?: string,
  ) =>
    host.answer({
      ...{ purpose: 'permit', challenge: challengeFor(host, 'permit'), hostId },
      second: { permits, ...(sessionNonce === undefined ? {} : { sessionNonce }) },
    });
  const detailOf = (id: string) => viewHost(verifier(), id);
  const stateOf = async (id: string) => (await detailOf(id)).host;

  const alerts = async (code: string, subject: string) => {
    const sql = 'SELECT count::int FROM alerts WHERE code = $1 AND subject = $2';
    return (await verifier().asAdministrator(sql, [code, subject]))[0]?.['count'];
  };

  /** A host whose baseline was captured and approved. */
  async function trustedHost() {
    const host = makeHost();
    const name = newName();
    const { hostId, state } = await enrol(host, name, await joinToken());
    assert.equal(state, 'untrusted', 'P1: no policy is never trusted');
    const captured = await captureBaseline(verifier(), BY, hostId, {
      name,
      labels: {},
      acceptUnverified: true,
    });
    assert.ok(captured.baselines.every((record) => record.state === 'draft'));
    const approved = await approveBaselines(verifier(), BY, name, {});
    return { host, hostId, name, approved };
  }
  async function registeredVm() {
    const uuid = randomUUID();
    const name = newName();
    await registerVm(verifier(), BY, {
      uuid,
      name,
      classes: ['software'],
      hostLabels: {},
      images: [],
    });
    return uuid;
  }
  /** Until so many transactions wait for what another one holds. */
  async function waitingForLocks(wanted: number) {
    const sql = `SELECT count(*)::int AS waiting FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    for (let tries = 0; tries < 500; tries += 1) {
      if ((await verifier().asAdministrator(sql))[0]?.['waiting'] === wanted) return;
      await sleep(10);
    }
    assert.fail(`${wanted} transactions never waited`);
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
  return {
    get verifier() {
      return verifier();
    },
    newName,
    challengeFor,
    joinToken,
    enrol,
    attest,
    evidenceOf,
    requestFor,
    permitEvidence,
    secondRequestFor,
    batchEvidence,
    detailOf,
    stateOf,
    newHost: makeHost,
    alerts,
    trustedHost,
    registeredVm,
    vmOfTrusted,
    waitingForLocks,
    first,
    refusalCodes,
  };
}
