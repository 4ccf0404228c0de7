import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';
import { HOST_ID, SESSION, STANDING, VM } from './support/records.ts';

const ENFORCING = { mode: 'enforce', observation: null };
const OBSERVING = {
  mode: 'observe',
  observation: {
    id: '00000000-0000-4000-8000-777777777777',
    since: '2026-11-22T11:00:00.000Z',
    until: '2026-12-06T11:00:00.000Z',
    labels: { rack: 'a' },
    reason: 'adopting the fleet',
    by: 'anna/1',
  },
};
const EXPOSURES = {
  exposures: [
    {
      hostId: HOST_ID,
      hostName: 'laptop-2',
      from: 'host',
      code: 'HOOK_MISSING',
      subject: '/etc/libvirt/hooks/qemu',
      detail: 'There is no such file.',
      vm: null,
      vmName: null,
      since: '2026-11-22T11:58:00.000Z',
      lastSeenAt: '2026-11-22T11:59:00.000Z',
    },
  ],
};
const REASONS = {
  reasons: [{ code: 'HOOK_MISSING', title: 'libvirt asks nobody', remedy: 'Install the hook.' }],
};

describe('touchstone about the start gate', () => {
  const stage = useLoggedIn();

  it('gate show says whether it refuses, and how much runs without a proof', async () => {
    stage.server.answer('GET /v1/gate', ENFORCING);
    stage.server.answer('GET /v1/exposures', EXPOSURES);
    const { exit, out } = await stage.operator.run(['gate', 'show']);
    assert.equal(exit, 0);
    assert.match(out, /^enforce: a VM starts only/u);
    assert.match(out, /1 exposure\. See them: {2}touchstone exposure list/u);
  });

  it('gate observe sends its time in seconds, its labels and why', async () => {
    stage.server.answer('POST /v1/gate/observation', OBSERVING);
    const { out } = await stage.operator.run([
      ...['gate', 'observe', '--for', '14d', '--label', 'rack=a'],
      ...['--reason', 'adopting the fleet'],
    ]);
    assert.deepEqual(stage.server.asked.find(({ route }) => route.startsWith('POST'))?.body, {
      seconds: 14 * 86_400,
      labels: { rack: 'a' },
      reason: 'adopting the fleet',
    });
    assert.match(out, /^observe: every start is asked and reported, and none is refused/u);
    assert.match(out, /rack=a[^]*touchstone gate enforce/u);
  });

  for (const argv of [
    ['gate', 'observe', '--reason', 'no time is given'],
    ['gate', 'observe', '--for', '14d'],
    ['gate', 'enforce'],
    ['vm', 'clear', 'accounts'],
  ]) {
    it(`is usage: touchstone ${argv.join(' ')}`, async () => {
      assert.equal((await stage.operator.run(argv)).exit, 64);
    });
  }

  it('every command says that nothing is refused, while it is so', async () => {
    stage.server.answer('GET /v1/session', {
      ...SESSION,
      observedUntil: OBSERVING.observation.until,
    });
    stage.server.answer('GET /v1/vms', { vms: [VM] });
    stage.server.answer('GET /v1/vm-standings', { vms: [STANDING] });
    const { err } = await stage.operator.run(['vm', 'list']);
    assert.match(err, /Observe mode until 2026-12-06T11:00:00\.000Z: no VM start is refused/u);
  });

  it('exposure list says what each kind means and what to do', async () => {
    stage.server.answer('GET /v1/exposures?name=laptop-2', EXPOSURES);
    stage.server.answer('GET /v1/reasons', REASONS);
    const { out } = await stage.operator.run(['exposure', 'list', '--host', 'laptop-2']);
    assert.equal(
      out,
      `1 exposure

HOOK_MISSING
  means  libvirt asks nobody
  to do  Install the hook.
  laptop-2, for 2m
    /etc/libvirt/hooks/qemu: There is no such file.
`,
    );
  });

  it('exposure list has each kind once, and names no VM twice', async () => {
    const [one] = EXPOSURES.exposures;
    const of = { vm: VM.uuid, vmName: 'accounts', subject: `VM ${VM.uuid}`, code: 'LICENCE_USED' };
    const exposures = [
      { ...one, ...of, detail: 'request 1: SERVER_UNREACHABLE' },
      one,
      { ...one, ...of, vmName: null, detail: 'request 2: SERVER_UNREACHABLE' },
    ];
    stage.server.answer('GET /v1/exposures', { exposures });
    stage.server.answer('GET /v1/reasons', REASONS);
    const { out } = await stage.operator.run(['exposure', 'list'], { tty: true, columns: 80 });
    const plain = out.replaceAll(/\u001b\[[0-9;]*m/gu, '');
    assert.ok(plain.split('\n').every((line) => line.length <= 80));
    assert.match(
      plain,
      new RegExp(
        [
          '^3 exposures\n\nLICENCE_USED \\(2\\)\n',
          ' +means +nothing that this version of the server knows\n',
          ' +laptop-2, VM accounts, for 2m\n +request 1: SERVER_UNREACHABLE\n',
          ` +laptop-2, VM ${VM.uuid}, for 2m\n +request 2: SERVER_UNREACHABLE\n\nHOOK_MISSING\n`,
        ].join(''),
        'u',
      ),
    );
  });

  it('vm clear names the VM that may start again', async () => {
    stage.server.answer('GET /v1/vms', { vms: [VM] });
    stage.server.answer(`POST /v1/vms/${VM.uuid}/clearance`, VM);
    const { out } = await stage.operator.run(['vm', 'clear', 'accounts', '--reason', 'looked']);
    assert.match(out, /accounts may start again\./u);
  });
});
