import assert from 'node:assert/strict';
import { formatBaselines } from '@touchstone/appraisal';
import type { PreviewPart, PreviewRequest } from '@touchstone/schemas';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline } from '../services/baselines.ts';
import { judgesApart } from '../services/judges-apart.ts';
import { labelHost } from '../services/label-host.ts';
import { previewPolicy } from '../services/preview-policy.ts';
import { previewTurns, sharedJudges } from '../services/preview-turns.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { lockHost } from '../store/hosts.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';

describe('A preview of a change of policy', () => {
  const fleet = useFleet();

  const preview = (change: PreviewRequest['change'], cursor?: string) =>
    previewPolicy(fleet.verifier, BY, { change, ...(cursor === undefined ? {} : { cursor }) });
  /** Two hosts of one kind, one of them changed and so untrusted, and a draft of what the changed one shows. */
  async function rolledOut() {
    const site = fleet.newName();
    const labels = { set: { site }, remove: [] };
    const old = makeHost();
    const name = fleet.newName();
    const { hostId: oldId } = await fleet.enrol(old, name, await fleet.joinToken());
    const changed = makeHost();
    const changedName = fleet.newName();
    const { hostId: changedId } = await fleet.enrol(changed, changedName, await fleet.joinToken());
    for (const id of [oldId, changedId]) await labelHost(fleet.verifier, BY, id, labels);
    const capture = { name: site, labels: { site }, acceptUnverified: true };
    await captureBaseline(fleet.verifier, BY, oldId, capture);
    await approveBaselines(fleet.verifier, BY, site, {});
    const vm = await fleet.registeredVm();
    const request = fleet.requestFor(vm);
    await takePermitRequest(fleet.verifier, fleet.permitEvidence(old, oldId, request));
    changed.reboot('updated');
    assert.equal((await fleet.attest(changed, changedId)).state, 'untrusted');
    const { baselines } = await captureBaseline(fleet.verifier, BY, changedId, capture);
    return { site, name, changedName, oldId, changedId, vm, drafts: baselines, old };
  }
  const gist = ({ changed }: PreviewPart) =>
    changed.map(({ name, to, vms }) => [name, to, vms.map(({ uuid }) => uuid)]);

  it('says which hosts and VMs would be refused and which let in, and why', async () => {
    const { site, name, changedName, vm } = await rolledOut();
    const part = await preview({ kind: 'approval', name: site });
    assert.deepEqual(gist(part), [
      [name, 'untrusted', [vm]],
      [changedName, 'trusted', []],
    ]);
    assert.deepEqual(
      [part.hosts, part.stay, part.unverified],
      [2, { trusted: 0, untrusted: 0 }, 0],
    );
    const [refused] = part.changed;
    assert.ok((refused?.findings.length ?? 0) > 0);
    assert.ok(refused?.findings.every(({ effect }) => effect === 'enforce'));
    assert.deepEqual(
      part.documents.map(({ version, becomes }) => [version, becomes]),
      [
        [2, 'active'],
        [1, 'retired'],
      ],
    );
  });

  it('is what the approval then does', async () => {
    const { site } = await rolledOut();
    const { changed } = await preview({ kind: 'approval', name: site });
    const { changedHosts = [] } = await approveBaselines(fleet.verifier, BY, site, {});
    const told = (hosts: readonly { id: string; from: string; to: string }[]) =>
      hosts.map(({ id, from, to }) => `${id} ${from} ${to}`).toSorted();
    assert.deepEqual(told(changed), told(changedHosts));
  });

  it('changes nothing: no host, no verdict, no document', async () => {
    const { site, oldId, changedId } = await rolledOut();
    const tables = ['hosts', 'attestations', 'baselines', 'evidence', 'alerts', 'approvals'];
    const all = async () =>
      Promise.all(
        tables.map((table) =>
          fleet.verifier.asAdministrator(
            `SELECT count(*)::int AS n, md5(string_agg(t::text, '|' ORDER BY t::text)) AS sum FROM ${table} t`,
          ),
        ),
      );
    const before = await all();
    await preview({ kind: 'approval', name: site });
    await preview({ kind: 'retirement', name: site });
    assert.deepEqual(await all(), before);
    assert.equal((await fleet.stateOf(oldId)).state, 'trusted');
    assert.equal((await fleet.stateOf(changedId)).state, 'untrusted');
  });

  it('is of a file that nobody drafted, too', async () => {
    const { site, name, drafts } = await rolledOut();
    const documents = drafts.map(({ baseline }) => ({ ...baseline, version: 9 }));
    const yaml = formatBaselines(documents);
    const part = await preview({ kind: 'documents', yaml });
    assert.ok(gist(part).some(([host, to]) => host === name && to === 'untrusted'));
    assert.deepEqual(part.documents[0], {
      name: site,
      part: 'runtime',
      version: 9,
      becomes: 'active',
    });
    await assert.rejects(preview({ kind: 'documents', yaml: 'kind: nothing' }), { status: 422 });
  });

  it('of a retirement makes nobody trusted', async () => {
    const { site, name, vm } = await rolledOut();
    const part = await preview({ kind: 'retirement', name: site });
    assert.deepEqual(gist(part), [[name, 'untrusted', [vm]]]);
    assert.equal(part.changed[0]?.findings[0]?.code, 'NO_BASELINE');
    await assert.rejects(preview({ kind: 'retirement', name: 'nobody' }), {
      code: 'BASELINE_NOT_IN_USE',
    });
    await assert.rejects(preview({ kind: 'approval', name: 'nobody' }), {
      code: 'BASELINE_NO_DRAFT',
    });
  });

  it('keeps no attestation waiting, and waits for none', async () => {
    const { site, oldId, old } = await rolledOut();
    await fleet.verifier.database.transaction(async (on) => {
      await lockHost(on, oldId);
      assert.equal((await preview({ kind: 'approval', name: site })).hosts, 2);
    });
    const [part, answer] = await Promise.all([
      preview({ kind: 'approval', name: site }),
      fleet.attest(old, oldId),
    ]);
    assert.deepEqual([part.hosts, answer.state], [2, 'trusted']);
  });

  it('goes on where the part before ended', async () => {
    const { site, name, changedName } = await rolledOut();
    const cursor = Buffer.from(JSON.stringify(name)).toString('base64url');
    const part = await preview({ kind: 'approval', name: site }, cursor);
    assert.deepEqual(
      part.changed.map((host) => host.name),
      [changedName],
    );
    await assert.rejects(preview({ kind: 'approval', name: site }, 'eA'), {
      code: 'CURSOR_MALFORMED',
    });
  });

  it('is one of few at once: PREVIEW_BUSY', async () => {
    const turns = previewTurns();
    const { promise, resolve } = Promise.withResolvers<void>();
    const all = Array.from({ length: 9 }, () => turns(() => promise));
    const settled = Promise.allSettled(all);
    resolve();
    const codes = (await settled).map((one) =>
      one.status === 'rejected' ? (one.reason as { code: string }).code : 'done',
    );
    assert.deepEqual(
      [codes.filter((code) => code === 'done').length, codes.at(-1)],
      [8, 'PREVIEW_BUSY'],
    );
  });

  it('judges what many hosts show once, and a failure is nobody else’s', async () => {
    let judged = 0;
    const measurements = {
      ...{ class: 'software' as const, pcrs: new Map(), bootLogs: [], baselines: [] },
    };
    const { measurements: judge } = sharedJudges({
      ...judgesApart(),
      measurements: () => {
        judged += 1;
        return judged === 1 ? Promise.reject(new Error('once')) : Promise.resolve({} as never);
      },
    });
    await assert.rejects(judge(measurements));
    await judge(measurements);
    await judge(measurements);
    assert.equal(judged, 2);
    await judge({ ...measurements, class: 'virtual' });
    assert.equal(judged, 3);
  });
});
