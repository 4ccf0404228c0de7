import assert from 'node:assert/strict';
import type { VmStanding } from '@touchstone/schemas';
import { useLoggedIn } from './support/logged-in.ts';
import { HOST_ID, STANDING, VM } from './support/records.ts';

const AT = '2026-11-22T09:00:00.000Z';
const HOST = { hostId: HOST_ID, hostName: 'laptop-2' } as const;
const RUNNING: VmStanding['running'][number] = {
  ...{ ...HOST, hostState: 'trusted', door: 'libvirt', ground: 'permit', paused: false },
  since: AT,
};
const PLACE = { ...HOST, at: '2026-11-22T08:59:59.000Z' };
const HELD = { ...HOST, since: AT, cause: 'host laptop-2 became untrusted' };

describe('touchstone vm, of how a VM stands', () => {
  const stage = useLoggedIn();
  const uuids = (standings: readonly Partial<VmStanding>[]) =>
    standings.map((standing, index) => ({
      ...{ ...STANDING, name: `vm-${index}`, ...standing },
      uuid: VM.uuid.slice(0, -1) + String(index),
    }));
  const list = (standings: readonly Partial<VmStanding>[], ...argv: string[]) => {
    const vms = uuids(standings);
    stage.server.answer('GET /v1/vm-standings', { vms });
    stage.server.answer('GET /v1/vms', {
      vms: vms.map(({ uuid, name }) => ({ ...VM, uuid, name })),
    });
    return stage.operator.run(['vm', 'list', ...argv]);
  };
  const show = (standing: Partial<VmStanding>, ...argv: string[]) => {
    stage.server.answer(`GET /v1/vms/${VM.uuid}`, VM);
    stage.server.answer(`GET /v1/vms/${VM.uuid}/standing`, { ...STANDING, ...standing });
    return stage.operator.run(['vm', 'show', VM.uuid, ...argv]);
  };

  it('list says of each where it runs by its host’s word, since when, and that it is held', async () => {
    const { out } = await list([
      { place: PLACE, running: [RUNNING] },
      { held: HELD, place: PLACE, running: [{ ...RUNNING, hostState: 'untrusted' }], exposures: 1 },
      { running: [{ ...RUNNING, hostState: 'stale' }, RUNNING], exposures: 1 },
      { running: [{ ...RUNNING, paused: true }] },
      { place: PLACE },
      {},
      { running: [{ ...RUNNING, ground: 'refused' }] },
      { running: [RUNNING, { ...RUNNING, ground: 'observe' }] },
      { running: [{ ...RUNNING, ground: 'licence' }] },
      { running: [{ ...RUNNING, ground: null }] },
    ]);
    const lines = [
      ...[/^NAME +STANDING +HOST +SINCE +UUID$/u, /^vm-0 +runs +laptop-2 +3h +0{8}-/u],
      ...[/^vm-1 +held +laptop-2 +3h +0{8}-/u, /^vm-2 +runs +laptop-2 \(stale\) \+1 +3h +0{8}-/u],
      ...[/^vm-3 +paused +laptop-2 +3h +0{8}-/u, /^vm-4 +not seen +laptop-2 +3h +0{8}-/u],
      ...[/^vm-5 +never +- +- +0{8}-/u],
      ...[
        /^vm-6 +runs \(refused\) +laptop-2 +3h /u,
        /^vm-7 +runs \(observed\) +laptop-2 \+1 +3h /u,
      ],
      ...[/^vm-8 +runs \(licence\) +laptop-2 +3h /u, /^vm-9 +runs \(unknown\) +laptop-2 +3h /u],
      ...[/^$/u, /^10 VMs$/u],
      ...[/^1 VM held.* touchstone vm show NAME$/u, /^2 exposures.* touchstone exposure list$/u],
    ];
    const shown = out.trimEnd().split('\n');
    assert.equal(shown.length, lines.length);
    for (const [index, line] of lines.entries()) assert.match(shown[index] ?? '', line);
  });

  it('list --json has each record with how its VM stands; one that is removed meanwhile has null', async () => {
    const [one] = uuids([{ held: HELD }]);
    const { out } = await list([{ held: HELD }], '--json');
    const vm = { ...VM, uuid: one?.uuid, name: 'vm-0' };
    assert.deepEqual(JSON.parse(out), { vms: [{ ...vm, standing: one }] });
    stage.server.answer('GET /v1/vm-standings', { vms: [] });
    const gone = await stage.operator.run(['vm', 'list', '--json']);
    assert.deepEqual(JSON.parse(gone.out), { vms: [{ ...vm, standing: null }] });
    assert.match((await stage.operator.run(['vm', 'list'])).out, /vm-0 +removed/u);
  });

  it('show says why it may not start, and how it is cleared', async () => {
    const { out } = await show({ held: HELD, place: PLACE });
    assert.match(out, /held +since 2026-11-22T09:00:00\.000Z \(3h ago\): host laptop-2 became/u);
    assert.match(out, /said to run +nowhere\n +last start +on laptop-2, 2026-11-22T08:59:59/u);
    assert.match(out, /\n\nClear it: {2}touchstone vm clear accounts --reason '[^']+'\n$/u);
  });

  it('show says where it runs, since when, and by what ground', async () => {
    const { out } = await show({
      place: PLACE,
      running: [
        RUNNING,
        { ...RUNNING, ground: 'refused' },
        { ...RUNNING, hostState: 'untrusted', ground: null, door: null, paused: true },
      ],
      exposures: 2,
    });
    const text = out.replaceAll(/\s+/gu, ' ');
    assert.match(text, /run on laptop-2 since 2026-\S+ \(3h ago\), by a permit \(libvirt\)/u);
    assert.match(text, /by a start that its host refused after all \(libvirt\)/u);
    assert.match(
      text,
      /run on laptop-2, which is untrusted, since \S+ \(3h ago\), by nothing that is known, paused/u,
    );
    assert.match(text, /exposures 2, see touchstone exposure list/u);
    assert.doesNotMatch(text, /held|Clear it/u);
  });

  it('show --json has the record with how the VM stands', async () => {
    const { out } = await show({ held: HELD }, '--json');
    assert.deepEqual(JSON.parse(out), { ...VM, standing: { ...STANDING, held: HELD } });
  });
});
