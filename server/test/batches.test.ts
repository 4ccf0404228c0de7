import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { PermitsAnswer } from '@touchstone/schemas';
import { readJws } from '../../test/support/jws.ts';
import { FIRST_PAGE } from '../services/paging.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { viewStarts } from '../services/vms.ts';
import { useFleet } from './support/made-fleet.ts';

describe('A batch of requests', () => {
  const fleet = useFleet();
  const { trustedHost, vmOfTrusted, registeredVm, batchEvidence, secondRequestFor } = fleet;
  const outcomes = ({ answers }: PermitsAnswer) =>
    answers.map((answer) => ('permit' in answer ? 'permit' : answer.refusal.code));

  it('is answered one by one: each has its own permit, or every reason why not', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const other = await registeredVm();
    const unknown = randomUUID();
    const requests = [vm, unknown, other].map((each) => secondRequestFor(each));
    const answer = await takePermitRequest(fleet.verifier, batchEvidence(host, hostId, requests));
    assert.deepEqual(outcomes(answer), ['permit', 'VM_UNKNOWN', 'permit']);
    assert.deepEqual(
      answer.answers.map(({ requestId }) => requestId),
      requests.map(({ requestId }) => requestId),
    );
    const ids = answer.answers.flatMap((one) =>
      'permit' in one ? [readJws(one.permit).claims as { jti: string }] : [],
    );
    assert.equal(new Set(ids.map(({ jti }) => jti)).size, 2);
    for (const [uuid, decision] of [
      [vm, 'permitted'],
      [other, 'permitted'],
    ] as const) {
      const { starts } = await viewStarts(fleet.verifier, uuid, FIRST_PAGE);
      assert.deepEqual(
        starts.map((start) => start.decision),
        [decision],
      );
    }
  });

  it('gives no request a second permit, whatever it shares a statement with', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const asked = secondRequestFor(vm);
    await takePermitRequest(fleet.verifier, batchEvidence(host, hostId, [asked]));
    const again = await takePermitRequest(
      fleet.verifier,
      batchEvidence(host, hostId, [secondRequestFor(vm), asked]),
    );
    assert.deepEqual(outcomes(again), ['permit', 'REQUEST_ALREADY_ANSWERED']);
    const { starts } = await viewStarts(fleet.verifier, vm, FIRST_PAGE);
    assert.equal(starts.length, 2);
  });

  it('delivered again gets the answer that it got, but for mandates', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const evidence = batchEvidence(host, hostId, [secondRequestFor(vm), secondRequestFor(vm)]);
    const { mandates, ...answer } = await takePermitRequest(fleet.verifier, evidence);
    assert.notEqual(mandates?.orders, undefined);
    assert.deepEqual(await takePermitRequest(fleet.verifier, evidence), answer);
  });

  it('of 256 is answered whole, in a few statements to the database', async () => {
    const { host, hostId, vm } = await vmOfTrusted();
    const requests = Array.from({ length: 256 }, () => secondRequestFor(vm));
    const { database } = fleet.verifier;
    let statements = 0;
    const counting = {
      ...fleet.verifier,
      database: {
        ...database,
        transaction: <T>(work: Parameters<typeof database.transaction<T>>[0]) =>
          database.transaction<T>((on) =>
            work({
              query: (sql, values) => {
                statements += 1;
                return on.query(sql, values);
              },
            }),
          ),
      },
    };
    const answer = await takePermitRequest(counting, batchEvidence(host, hostId, requests));
    assert.deepEqual(new Set(outcomes(answer)), new Set(['permit']));
    assert.equal(answer.answers.length, 256);
    assert.ok(statements < 40, `${statements} statements`);
    const [row] = await fleet.verifier.asAdministrator(
      `SELECT count(*)::int AS n FROM audit WHERE action = 'vm.start.permitted' AND subject = $1`,
      [vm],
    );
    assert.equal(row?.['n'], 256);
  });

  it('of a host that was not approved is refused as a whole, request by request', async () => {
    const host = fleet.newHost();
    const { hostId } = await fleet.enrol(host, fleet.newName());
    const requests = [await registeredVm(), await registeredVm()].map((vm) => secondRequestFor(vm));
    const answer = await takePermitRequest(fleet.verifier, batchEvidence(host, hostId, requests));
    assert.deepEqual(outcomes(answer), ['HOST_PENDING', 'HOST_PENDING']);
  });

  it('and a host that has shown the second version is not taken back: STATEMENT_DOWNGRADED', async () => {
    const { host, hostId, name } = await trustedHost();
    const attest = (second?: object) =>
      takeAttestation(
        fleet.verifier,
        host.answer({
          ...{ purpose: 'attest', challenge: fleet.challengeFor(host, 'attest'), hostId },
          ...(second === undefined ? {} : { second }),
        }),
      );
    await attest();
    await attest({});
    const before = await fleet.stateOf(hostId);
    await assert.rejects(attest(), { code: 'STATEMENT_DOWNGRADED' });
    assert.deepEqual(await fleet.stateOf(hostId), before);
    assert.equal(await fleet.alerts('STATEMENT_DOWNGRADED', name), 1);
    await attest({});
  });
});
