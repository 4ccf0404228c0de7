import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { ApiToken, Vm } from '@touchstone/schemas';
import { createApiToken } from '../services/api-tokens.ts';
import { changeVm, removeVm } from '../services/change-vm.ts';
import { setDiskKey } from '../services/disk-keys.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { looseningsOf } from '../services/vm-loosening.ts';
import { registerVm, viewVm } from '../services/vms.ts';
import { BY, useFleet } from './support/made-fleet.ts';

const STRICT: Vm = {
  uuid: randomUUID(),
  name: 'web',
  classes: ['discrete', 'firmware'],
  hostLabels: { site: 'a' },
  images: ['1'.repeat(64), '2'.repeat(64)],
  warnings: 'refuse',
  disks: [
    { name: 'vdb', kind: 'data' },
    { name: 'vdc', kind: 'sealed' },
  ],
};

const LOOSER: [string, Partial<Vm>][] = [
  ['another class', { classes: ['discrete', 'firmware', 'software'] }],
  ['no label', { hostLabels: {} }],
  ['another label', { hostLabels: { site: 'b' } }],
  ['another image', { images: ['1'.repeat(64), '3'.repeat(64)] }],
  ['any image', { images: [] }],
  ['warnings', { warnings: 'accept' }],
  ['a data disk more', { disks: [...(STRICT.disks ?? []), { name: 'vdd', kind: 'data' }] }],
  ['a sealed disk more', { disks: [...(STRICT.disks ?? []), { name: 'vdd', kind: 'sealed' }] }],
  ['data for sealed', { disks: [{ name: 'vdc', kind: 'data' }] }],
  ['a sealed disk less', { disks: [{ name: 'vdb', kind: 'data' }] }],
];

const TIGHTER: [string, Partial<Vm>][] = [
  ['fewer classes', { classes: ['discrete'] }],
  ['more labels', { hostLabels: { site: 'a', rack: '1' } }],
  ['fewer images', { images: ['1'.repeat(64)] }],
  ['no disk unread', { disks: [{ name: 'vdc', kind: 'sealed' }] }],
  ['sealed for data', { disks: ['vdb', 'vdc'].map((name) => ({ name, kind: 'sealed' })) }],
  ['another name', { name: 'web-2' }],
  ['more on loss of trust', { onLoss: 'shutdown' }],
];

const some = <T>(values: readonly T[]) => fc.constantFrom(...values);
const anyVm = fc.record({
  classes: some<Vm['classes']>([['discrete'], ['software'], ['discrete', 'software']]),
  hostLabels: some([{}, { a: '1' }, { a: '2' }, { a: '1', b: '1' }]),
  images: some([[], ['1'.repeat(64)], ['2'.repeat(64)], ['1'.repeat(64), '2'.repeat(64)]]),
  warnings: some<NonNullable<Vm['warnings']>>(['accept', 'refuse']),
  failMode: some<NonNullable<Vm['failMode']>>([
    { mode: 'refuse' },
    { mode: 'allow-if-attested-within', seconds: 60 },
    { mode: 'allow-if-attested-within', seconds: 3_600 },
    { mode: 'allow-and-flag' },
  ]),
  onLoss: some<NonNullable<Vm['onLoss']>>(['flag', 'no-new-starts', 'pause', 'shutdown']),
  disks: fc
    .tuple(
      some(['data', 'sealed', undefined] as const),
      some(['data', 'sealed', undefined] as const),
    )
    .map((kinds) =>
      kinds.flatMap((kind, at) => (kind === undefined ? [] : [{ name: `vd${at}`, kind }])),
    ),
});
const record = (made: Omit<Vm, 'uuid' | 'name'>): Vm => ({ ...STRICT, ...made });
const tightens = (before: Vm, after: Vm) => looseningsOf(before, after).length === 0;

describe("A change of a VM's record", () => {
  for (const [what, more] of LOOSER) {
    it(`loosens by ${what}`, () => assert.ok(!tightens(STRICT, { ...STRICT, ...more })));
  }
  for (const [what, more] of TIGHTER) {
    it(`tightens by ${what}`, () => assert.ok(tightens(STRICT, { ...STRICT, ...more })));
  }

  it('is an order: what tightens twice tightens, and only what is alike tightens both ways', () => {
    fc.assert(
      fc.property(anyVm, anyVm, anyVm, (one, two, three) => {
        const [a, b, c] = [record(one), record(two), record(three)];
        assert.ok(tightens(a, a));
        if (tightens(a, b) && tightens(b, c)) assert.ok(tightens(a, c));
        if (tightens(a, b) && tightens(b, a)) assert.deepEqual(a, b);
      }),
      { numRuns: 2_000 },
    );
  });

  describe('at the server', () => {
    const fleet = useFleet();
    const registered = () =>
      registerVm(fleet.verifier, BY, { ...STRICT, uuid: randomUUID(), name: fleet.newName() });
    const tokenOf = async (person: string): Promise<ApiToken> =>
      (
        await createApiToken(fleet.verifier, BY, {
          ...{ name: person, person, roles: ['viewer', 'operator', 'approver'] },
        })
      ).record;
    const WAITING = { code: 'QUORUM_WAITING' };
    let ada: ApiToken;
    let bob: ApiToken;
    beforeEach(async () => {
      [ada, bob] = [await tokenOf('ada'), await tokenOf('bob')];
    });
    const setQuorum = (to: number) =>
      fleet.verifier.asAdministrator('UPDATE deployment SET quorum = $1', [to]);
    afterEach(() => setQuorum(1));

    for (const [what, more] of LOOSER) {
      it(`takes two people where it loosens by ${what}: QUORUM_WAITING`, async () => {
        const vm = await registered();
        await setQuorum(2);
        const wanted = { ...vm, ...more };
        await assert.rejects(changeVm(fleet.verifier, ada, vm.uuid, wanted), WAITING);
        assert.deepEqual(await viewVm(fleet.verifier, vm.uuid), vm);
        const { warnings, ...rest } = wanted;
        const said = warnings === 'refuse' ? wanted : rest;
        assert.deepEqual(await changeVm(fleet.verifier, bob, vm.uuid, wanted), said);
      });
    }

    it('takes one person where it tightens, and an operator', async () => {
      const vm = await registered();
      await setQuorum(2);
      const operator: ApiToken = { ...ada, roles: ['operator'] };
      const tighter = { ...vm, classes: ['discrete' as const] };
      assert.deepEqual(await changeVm(fleet.verifier, operator, vm.uuid, tighter), tighter);
      const refused = changeVm(fleet.verifier, operator, vm.uuid, vm);
      await assert.rejects(refused, { code: 'ROLE_MISSING' });
    });

    it('counts from the next request on', async () => {
      const { host, hostId, vm } = await fleet.vmOfTrusted();
      const before = await viewVm(fleet.verifier, vm);
      await changeVm(fleet.verifier, ada, vm, { ...before, hostLabels: { site: 'elsewhere' } });
      const asked = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      const answer = await takePermitRequest(fleet.verifier, asked);
      assert.deepEqual(fleet.refusalCodes(answer), ['HOST_LABELS_MISMATCH']);
    });

    it('is of the VM that it names, under a name of its own: VM_UUID_DIFFERS, VM_EXISTS', async () => {
      const [one, other] = [await registered(), await registered()];
      await assert.rejects(changeVm(fleet.verifier, ada, one.uuid, other), {
        code: 'VM_UUID_DIFFERS',
      });
      await assert.rejects(changeVm(fleet.verifier, ada, one.uuid, { ...one, name: other.name }), {
        code: 'VM_EXISTS',
      });
      const unknown = { ...one, uuid: randomUUID() };
      await assert.rejects(changeVm(fleet.verifier, ada, unknown.uuid, unknown), {
        code: 'VM_UNKNOWN',
      });
    });

    it('removes a record by two people, and none whose keys are stored: VM_HAS_DISK_KEYS', async () => {
      const { host, hostId } = await fleet.trustedHost();
      const vm = await fleet.registeredVm();
      const ask = () =>
        takePermitRequest(fleet.verifier, fleet.permitEvidence(host, hostId, fleet.requestFor(vm)));
      await ask();
      await setQuorum(2);
      await assert.rejects(removeVm(fleet.verifier, ada, vm), WAITING);
      assert.equal((await removeVm(fleet.verifier, bob, vm)).uuid, vm);
      assert.deepEqual(fleet.refusalCodes(await ask()), ['VM_UNKNOWN']);
      const sealed = await registered();
      const key = Buffer.from('0123456789abcdef').toString('base64url');
      await setDiskKey(fleet.verifier, ada, sealed.uuid, { disk: 'vdc', key });
      await assert.rejects(removeVm(fleet.verifier, ada, sealed.uuid), {
        code: 'VM_HAS_DISK_KEYS',
      });
    });
  });
});
