import assert from 'node:assert/strict';
import type { AttestationResult } from '@touchstone/appraisal';
import {
  checkAgainst,
  type Finding,
  type HostState,
  PermitClaims,
  type Vm,
} from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';
import { grantPermit } from '../gate/grant.ts';
import type { GateQuestion } from '../gate/question.ts';

const VM: Vm = {
  uuid: 'b1c2d3e4-0000-4000-8000-000000000001',
  name: 'web-1',
  classes: ['software'],
  hostLabels: { site: 'shed' },
  images: [],
};
const GOLDEN = '1'.repeat(64);
const NOW = new Date('2026-11-22T12:00:00.900Z');

/** The gate reads a result and never makes one: these are as appraisal gives them. */
const result = (changed: Partial<AttestationResult> = {}): AttestationResult =>
  ({
    purpose: 'permit',
    verdict: 'warning',
    findings: [serverFinding('HOST_STALE', { effect: 'warn' })],
    akName: `000b${'ab'.repeat(32)}`,
    boot: { resetCount: 7, restartCount: 1, clock: 2n ** 63n + 1n },
    policyId: 'runtime/web/1',
    ...changed,
  }) as AttestationResult;

const question = (changed: Partial<GateQuestion> = {}): GateQuestion => ({
  result: result(),
  host: {
    id: 'b1c2d3e4-0000-4000-8000-00000000000a',
    state: 'trusted',
    class: 'software',
    labels: { site: 'shed', rack: '4' },
    findings: [],
  },
  vm: VM,
  held: null,
  request: {
    requestId: 'b1c2d3e4-0000-4000-8000-00000000000b',
    vm: VM.uuid,
    operation: 'start',
    definitionDigest: 'd'.repeat(64),
    imageDigests: [],
  },
  sources: [],
  carriesTouchstone: false,
  maxFindings: 256,
  challenge: 'AAAA',
  permitId: 'b1c2d3e4-0000-4000-8000-00000000000c',
  issuer: 'https://verifier.test',
  now: NOW,
  ...changed,
});

const host = (changed: Partial<GateQuestion['host']>) => ({ ...question().host, ...changed });
const request = (changed: Partial<GateQuestion['request']>) => ({
  ...question().request,
  ...changed,
});

function refusalCodes(changed: Partial<GateQuestion>): string[] {
  const decision = grantPermit(question(changed));
  assert.equal(decision.decision, 'refused');
  assert.equal(decision.code, decision.findings[0].code);
  return decision.findings.map(({ code }) => code);
}

describe('The gate', () => {
  it('permits one start, of this request, by this AK, in this boot, for 60 s', () => {
    const decision = grantPermit(question());
    assert.ok(decision.decision === 'permitted');
    const claims = checkAgainst(PermitClaims, decision.claims);
    assert.equal(claims.aud, result().akName);
    assert.equal(claims.exp - claims.iat, 60);
    assert.equal(claims.iat, Math.floor(NOW.getTime() / 1_000));
    assert.deepEqual(claims['touchstone.request'], question().request);
    assert.deepEqual(claims['touchstone.boot'], {
      resetCount: 7,
      restartCount: 1,
      clock: '9223372036854775809',
    });
  });

  it('refuses a VM that takes no warning where there is one, and says which: WARNING_NOT_ACCEPTED', () => {
    const vm: Vm = { ...VM, warnings: 'refuse' };
    assert.deepEqual(refusalCodes({ vm }), ['WARNING_NOT_ACCEPTED', 'HOST_STALE']);
    const affirming = result({ verdict: 'affirming', findings: [] });
    assert.equal(grantPermit(question({ vm, result: affirming })).decision, 'permitted');
  });

  const states: [HostState, string][] = [
    ['pending', 'HOST_PENDING'],
    ['revoked', 'HOST_REVOKED'],
    ['untrusted', 'HOST_NOT_TRUSTED'],
    ['stale', 'HOST_NOT_TRUSTED'],
  ];
  for (const [state, code] of states) {
    it(`refuses a host that is ${state}: ${code}`, () => {
      assert.equal(refusalCodes({ host: host({ state }) })[0], code);
    });
  }

  for (const verdict of ['none', 'contraindicated', undefined as never] as const) {
    it(`refuses a trusted host whose verdict is ${verdict}: HOST_NOT_TRUSTED`, () => {
      assert.deepEqual(refusalCodes({ result: result({ verdict }) }), ['HOST_NOT_TRUSTED']);
    });
  }

  it("gives the state's and the appraisal's enforced findings with its refusal", () => {
    const enforced: Finding = { ...serverFinding('VM_UNKNOWN'), code: 'EVENT_DIFFERS' };
    const findings = [serverFinding('HOST_STALE', { effect: 'warn' }), enforced];
    const sticky = serverFinding('STATE_UNTRUSTED_UNTIL_REBOOT');
    assert.deepEqual(
      refusalCodes({
        result: result({ verdict: 'contraindicated', findings }),
        host: host({ state: 'untrusted', findings: [sticky] }),
      }),
      ['HOST_NOT_TRUSTED', 'STATE_UNTRUSTED_UNTIL_REBOOT', 'EVENT_DIFFERS'],
    );
  });

  it('refuses a result of evidence that asked for no permit: PERMIT_PURPOSE_MISSING', () => {
    assert.deepEqual(refusalCodes({ result: result({ purpose: 'attest' }) }), [
      'PERMIT_PURPOSE_MISSING',
    ]);
  });

  it('refuses a VM that nobody registered, and the record of another: VM_UNKNOWN', () => {
    assert.deepEqual(refusalCodes({ vm: null }), ['VM_UNKNOWN']);
    const vm = { ...VM, uuid: 'b1c2d3e4-0000-4000-8000-000000000002' };
    assert.deepEqual(refusalCodes({ vm }), ['VM_UNKNOWN']);
  });

  it('refuses a class that the VM does not accept: CLASS_NOT_ACCEPTED', () => {
    const vm: Vm = { ...VM, classes: ['discrete', 'firmware'] };
    assert.deepEqual(refusalCodes({ vm }), ['CLASS_NOT_ACCEPTED']);
  });

  it('refuses a host without the labels that the VM asks for: HOST_LABELS_MISMATCH', () => {
    assert.deepEqual(refusalCodes({ host: host({ labels: { site: 'barn' } }) }), [
      'HOST_LABELS_MISMATCH',
    ]);
    const vm: Vm = { ...VM, hostLabels: { constructor: 'x' } };
    assert.deepEqual(refusalCodes({ vm }), ['HOST_LABELS_MISMATCH']);
  });

  it('refuses images beside the golden ones, and none where some are: IMAGE_NOT_GOLDEN', () => {
    const vm: Vm = { ...VM, images: [GOLDEN] };
    assert.deepEqual(refusalCodes({ vm }), ['IMAGE_NOT_GOLDEN']);
    const imageDigests = [GOLDEN, '2'.repeat(64)];
    assert.deepEqual(refusalCodes({ vm, request: request({ imageDigests }) }), [
      'IMAGE_NOT_GOLDEN',
    ]);
    const golden = grantPermit(question({ vm, request: request({ imageDigests: [GOLDEN] }) }));
    assert.equal(golden.decision, 'permitted');
  });

  it('refuses a disk taken for data that the record does not call so: DISK_NOT_DATA', () => {
    const vm: Vm = {
      ...VM,
      disks: [
        { name: 'vdb', kind: 'data' },
        { name: 'vdc', kind: 'sealed' },
      ],
    };
    const known = request({ dataDisks: ['vdb', 'vdc'] });
    assert.equal(grantPermit(question({ vm, request: known })).decision, 'permitted');
    assert.deepEqual(refusalCodes({ vm, request: request({ dataDisks: ['vda', 'vdb', 'vdd'] }) }), [
      'DISK_NOT_DATA',
      'DISK_NOT_DATA',
    ]);
    assert.deepEqual(refusalCodes({ request: request({ dataDisks: ['vdb'] }) }), ['DISK_NOT_DATA']);
  });

  it('G28 restores a VM with a sealed disk from a file that was seen saved: SAVED_STATE_UNKNOWN', () => {
    const restore = { operation: 'restore', savedState: null } as const;
    const sealed: Vm = { ...VM, disks: [{ name: 'vdc', kind: 'sealed' }] };
    assert.deepEqual(refusalCodes({ vm: sealed, request: request(restore) }), [
      'SAVED_STATE_UNKNOWN',
    ]);
    const seen = request({ ...restore, savedState: GOLDEN });
    assert.equal(grantPermit(question({ vm: sealed, request: seen })).decision, 'permitted');
    assert.equal(grantPermit(question({ request: request(restore) })).decision, 'permitted');
  });

  it('G28 takes a VM from a host that is trusted now: MIGRATION_SOURCE_NOT_TRUSTED', () => {
    const migrate = request({ operation: 'migrate' });
    const from = (...of: HostState[]) => of.map((state, at) => ({ name: `host-${at}`, state }));
    const trusted = question({ request: migrate, sources: from('trusted') });
    assert.equal(grantPermit(trusted).decision, 'permitted');
    assert.deepEqual(refusalCodes({ request: migrate }), ['MIGRATION_SOURCE_UNKNOWN']);
    for (const state of ['pending', 'untrusted', 'stale', 'revoked'] as const) {
      const sources = from('trusted', state);
      assert.deepEqual(refusalCodes({ request: migrate, sources }), [
        'MIGRATION_SOURCE_NOT_TRUSTED',
      ]);
    }
  });

  it('never permits a VM that carries a server, registered or not: VM_CARRIES_TOUCHSTONE', () => {
    assert.deepEqual(refusalCodes({ carriesTouchstone: true }), ['VM_CARRIES_TOUCHSTONE']);
    assert.deepEqual(refusalCodes({ carriesTouchstone: true, vm: null }), [
      'VM_CARRIES_TOUCHSTONE',
    ]);
  });

  it('names as many reasons as there is room for', () => {
    const dataDisks = Array.from({ length: 9 }, (_, at) => `disk${at}`);
    assert.equal(refusalCodes({ request: request({ dataDisks }), maxFindings: 4 }).length, 4);
  });

  it('names every reason at once', () => {
    assert.deepEqual(
      refusalCodes({
        host: host({ state: 'pending', labels: {} }),
        vm: { ...VM, classes: ['virtual'], images: [GOLDEN] },
      }),
      [
        'HOST_PENDING',
        'HOST_NOT_TRUSTED',
        'CLASS_NOT_ACCEPTED',
        'HOST_LABELS_MISMATCH',
        'IMAGE_NOT_GOLDEN',
      ],
    );
  });
});
