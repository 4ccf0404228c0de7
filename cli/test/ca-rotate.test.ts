import assert from 'node:assert/strict';
import type { CaOwnStatus, CaSession, CaStatus, IssuerHosts, Rotation } from '@touchstone/schemas';
import type { FixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import { hostDetail, hostSummary, SESSION } from './support/records.ts';
import { useServerAndCa } from './support/server-and-ca.ts';

const CA_TOKEN = `tsc_${'Cas3cret'.repeat(5)}abc`;
const ID = '00000000-0000-4000-8000-777777777777';
const [OLD, NEXT, ROOT] = ['aa11bb22', 'cc33dd44', 'ee55ff66'].map((start) => start.repeat(5));
const [CA_SESSION] = [
  {
    ...{ tokenId: ID, name: 'anna', person: 'olga', role: 'operator', quorum: 2 },
    ca: 'https://ca.example',
  } satisfies CaSession,
];
const life = { notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2028-01-01T00:00:00.000Z' };
const named = (name: string, away = false) => ({
  ...({ name, ekRef: 'ab'.repeat(32), state: 'trusted', away } as const),
  lastSeen: '2026-11-22T11:59:00.000Z',
});

const STATUS: CaStatus = {
  epoch: 7,
  anchors: [{ subject: 'CN=Touchstone root ee55ff66', fingerprint: 'ab'.repeat(32), ...life }],
  issuers: [
    {
      ...{ keyId: OLD ?? '', subject: 'CN=old', state: 'verify-only', reason: null, ...life },
      hosts: { count: 50, away: 1, named: [named('hv-2'), named('hv-3', true)] },
      vms: { count: 2, named: ['mail', 'web'] },
    },
    {
      ...{ keyId: NEXT ?? '', subject: 'CN=next', state: 'active', reason: null, ...life },
      hosts: { count: 150, away: 0, named: [] },
      vms: { count: 300, named: [] },
    },
  ],
  hosts: 200,
  trustBundle: {
    ...{ epoch: 4, notAfter: '2027-11-22T12:00:00.000Z', hostsThere: 199, hostsBehind: 1 },
    withoutAnchors: { count: 1, away: 1, named: [named('hv-3', true)] },
  },
};

const ROTATION: Rotation = {
  ...{ id: ID, kind: 'issuing', mode: 'planned', auto: true, phase: 'reissue' },
  startedAt: '2026-11-22T11:00:00.000Z',
  ...{ startedBy: 'anna', reason: 'two years are over', endedAt: null, canaries: [] },
  phaseSince: '2026-11-22T11:55:00.000Z',
  ...{ oldKeyIds: [OLD ?? ''], newKeyIds: [NEXT ?? ''], done: 150, of: 200, blockerCount: 51 },
  blockers: [
    { subject: 'hv-2', because: 'has not renewed its certificate yet', away: false },
    { subject: 'hv-3', because: 'has not renewed its certificate yet', away: true },
  ],
  estimatedEnd: '2026-11-22T12:03:00.000Z',
  forced: [{ phase: 'distribute', by: 'anna', at: '2026-11-22T11:50:00.000Z', blockers: 1 }],
};

const OWN: CaOwnStatus = {
  schema: 'touchstone/ca-own-status/1',
  ...{ now: '2026-11-22T12:00:00.000Z', epoch: 7, custody: 'file', quorum: 2 },
  authorities: (
    [
      [ROOT, 'root', 'active', 0],
      [OLD, 'issuing', 'verify-only', 51],
      [NEXT, 'issuing', 'active', 150],
    ] as const
  ).map(([keyId = '', role, state, liveCertificates]) => ({
    ...{ keyId, role, state, liveCertificates, reason: null, subject: 'CN=x', ...life },
    fingerprint: 'ab'.repeat(32),
  })),
  rotation: ROTATION,
  reminders: [
    {
      text: 'The key that all hosts trust ends in 20 days, on 2026-12-12. Start `touchstone ca rotate start --kind root --auto` now.',
      before: '2026-12-12T00:00:00.000Z',
    },
  ],
};

describe("a change of the CA's keys", () => {
  let server: FixedServer;
  let ca: FixedServer;
  let operator: Operator;
  useServerAndCa(async (scene) => {
    ({ server, ca, operator } = scene);
    server.answer('GET /v1/session', { ...SESSION, quorum: 2 });
    server.answer('GET /v1/ca', STATUS);
    ca.answer('GET /v1/operator/session', CA_SESSION);
    ca.answer('GET /v1/operator/status', OWN);
    const login = ['login', '--server', server.url, '--fingerprint', server.pin];
    await operator.run([...login, '--token-file', '-'], { input: `${TOKEN}.${CA_TOKEN}` });
  });
  const tty = { tty: true, columns: 80 };
  const plain = { env: { NO_COLOR: '1' }, ...tty };
  const rotate = (...argv: string[]) => operator.run(['ca', 'rotate', ...argv], plain);
  const bodyOf = (route: string) => ca.asked.find((asked) => asked.route === route)?.body;

  it('is on one screen with the keys, who waits for what, and what is forgotten', async () => {
    const { exit, out } = await operator.run(['ca', 'status'], plain);
    assert.equal(exit, 0);
    for (const line of out.split('\n')) assert.ok(line.length <= 80, line);
    assert.match(out, /aa11bb22 +vouches for hosts +still counts +in 404d +51 +50 +2\n/u);
    assert.match(out, /ee55ff66 +hosts trust it +in use/u);
    assert.match(out, /step +5 of 8: hosts get new certificates\n/u);
    assert.match(out, /done +150 of 200 hosts\n/u);
    assert.match(out, /waits for +hv-2 has not renewed[^]*hv-3 \(away\)[^]*and 49 more/u);
    assert.match(out, /forced[^]*past 1 blocker/u);
    assert.match(out, /ends in 20 days/u);
    assert.doesNotMatch(out, /issuer/iu);
  });

  it('is whole as JSON: state, end, live certificates, hosts and VMs by key; phase, counts, blockers', async () => {
    const { out } = await operator.run(['ca', 'status', '--json']);
    const { issuers, rotation, ca: own } = JSON.parse(out);
    assert.deepEqual(
      issuers.map((one: Record<string, unknown>) => [one['state'], one['liveCertificates']]),
      [
        ['verify-only', 51],
        ['active', 150],
      ],
    );
    assert.equal(issuers[0].hosts.count, 50);
    assert.deepEqual([rotation, own], [ROTATION, OWN]);
  });

  it('is shown by the server alone to whoever is not logged in at the CA, or while that is away', async () => {
    const other = newOperator();
    const login = ['login', '--server', server.url, '--fingerprint', server.pin];
    await other.run([...login, '--token-file', '-'], { input: TOKEN });
    const { exit, out } = await other.run(['ca', 'status'], plain);
    assert.equal(exit, 0);
    assert.match(out, /cc33dd44 +vouches for hosts +in use +in 404d +- +150 +300/u);
    assert.match(out, /ee55ff66 +hosts trust it/u);
    assert.match(out, /logged in there too/u);
    assert.equal((await other.run(['ca', 'rotate', 'start'], plain)).exit, 77);
    other.leave();
  });

  it('begins as it is asked for, and says what comes next', async () => {
    ca.answer('POST /v1/operator/rotations', ROTATION);
    const { exit, out } = await rotate('start', '--auto', '--reason', 'two years are over');
    assert.equal(exit, 0);
    assert.match(out, /^Changing the key that vouches for hosts\n/u);
    assert.match(out, /touchstone ca rotate watch/u);
    assert.deepEqual(bodyOf('POST /v1/operator/rotations'), {
      ...{ kind: 'issuing', mode: 'planned', auto: true, reason: 'two years are over' },
    });
  });

  it('is rehearsed on hosts that are named', async () => {
    server.answer('GET /v1/hosts/hv-2', {
      ...hostDetail(hostSummary('hv-2', 'trusted')),
      ekRef: 'ab'.repeat(32),
    });
    ca.answer('POST /v1/operator/rotations', {
      ...ROTATION,
      mode: 'rehearsal',
      canaries: ['hv-2'],
    });
    const { exit, out } = await rotate('start', '--rehearse', '--canary', 'hv-2');
    assert.equal(exit, 0);
    assert.match(out, /^Rehearsing/u);
    assert.deepEqual(bodyOf('POST /v1/operator/rotations'), {
      ...{ kind: 'issuing', mode: 'rehearsal', auto: false, reason: 'started by an operator' },
      canaries: [{ name: 'hv-2', ekRef: 'ab'.repeat(32) }],
    });
    assert.equal((await rotate('start', '--rehearse')).exit, 64);
    assert.equal((await rotate('start', '--canary', 'hv-2')).exit, 64);
    assert.equal(
      (await rotate('start', '--rehearse', '--canary', 'hv-2', '--compromise')).exit,
      64,
    );
  });

  describe('after a theft', () => {
    const hostsOf = (hosts: IssuerHosts['hosts']) => ({ hosts });
    beforeEach(() => {
      const [two, three] = [named('hv-2'), named('hv-3', true)];
      const vms = ['mail', 'web'];
      server.answer(
        `GET /v1/ca/issuers/${OLD}/hosts`,
        hostsOf([
          { ...two, vms },
          { ...three, vms: [] },
        ]),
      );
      server.answer(
        `GET /v1/ca/issuers/${NEXT}/hosts`,
        hostsOf([{ ...named('hv-1'), vms: ['db'] }]),
      );
      const rotation = { ...ROTATION, mode: 'compromise', kind: 'root' };
      ca.answer('POST /v1/operator/rotations', rotation);
    });
    const losing = [
      { name: 'hv-1', away: false, vms: ['db'] },
      { name: 'hv-2', away: false, vms: ['mail', 'web'] },
      { name: 'hv-3', away: true, vms: [] },
    ];

    it('first shows which hosts and VMs lose trust, and does nothing without a yes', async () => {
      for (const input of ['', 'no\n', 'y\n']) {
        const { exit, out } = await operator.run(['ca', 'rotate', 'start', '--compromise'], {
          ...plain,
          input,
        });
        assert.equal(exit, 1);
        assert.match(out, /^3 hosts and 3 VMs lose trust at once:\n/u);
        assert.match(out, /hv-2: mail, web\n[^]*hv-3 \(away\)\n/u);
        assert.match(out, /Nothing was done/u);
      }
      const { exit, out } = await operator.run(['ca', 'rotate', 'start', '--compromise', '--json']);
      assert.equal(exit, 1);
      assert.deepEqual(JSON.parse(out), { losing, rotation: null });
      assert.equal(bodyOf('POST /v1/operator/rotations'), undefined);
    });

    it('replaces root and all with a yes, or --yes', async () => {
      const said = await operator.run(['ca', 'rotate', 'start', '--compromise', '--auto'], {
        ...plain,
        input: 'yes\n',
      });
      assert.equal(said.exit, 0);
      assert.match(said.out, /Replacing after a theft/u);
      assert.deepEqual(bodyOf('POST /v1/operator/rotations'), {
        ...{ kind: 'root', mode: 'compromise', auto: true, reason: 'started by an operator' },
      });
      const json = ['ca', 'rotate', 'start', '--compromise', '--yes', '--json'];
      const { exit, out } = await operator.run(json);
      assert.equal(exit, 0);
      assert.deepEqual(JSON.parse(out).losing, losing);
    });
  });

  it('goes on and is taken back by the step that it is in; refusals are told', async () => {
    ca.answer(`POST /v1/operator/rotations/${ID}/advance`, { ...ROTATION, phase: 'drain' });
    ca.answer(`POST /v1/operator/rotations/${ID}/rollback`, { ...ROTATION, phase: 'rolling-back' });
    assert.match((await rotate('advance', '--force')).out, /6 of 8/u);
    const route = `POST /v1/operator/rotations/${ID}/advance`;
    assert.deepEqual(bodyOf(route), { from: 'reissue', force: true });
    assert.match((await rotate('rollback')).out, /hosts return to the old key/u);
    ca.refuse(route, 409, 'ROTATION_BLOCKED', { title: 'Blocked', detail: 'reissue: hv-2' });
    const { exit, err } = await rotate('advance');
    assert.equal(exit, 1);
    assert.match(err, /ROTATION_BLOCKED[^]*hv-2/u);
    ca.answer('GET /v1/operator/status', { ...OWN, rotation: null });
    const none = await rotate('advance');
    assert.deepEqual([none.exit, /CA_ROTATION_NONE/u.test(none.err)], [1, true]);
  });

  it('is waited for until it is over: 0 when done, 1 when taken back', async () => {
    for (const [phase, wanted] of [
      ['done', 0],
      ['rolled-back', 1],
    ] as const) {
      const ended = {
        ...ROTATION,
        phase,
        endedAt: '2026-11-22T12:00:00.000Z',
        blockers: [],
        blockerCount: 0,
      };
      ca.answer('GET /v1/operator/status', OWN);
      ca.answer('GET /v1/operator/rotations', { rotations: [ended] });
      const { exit, out, err } = await rotate('watch');
      assert.equal(exit, wanted);
      assert.match(
        err,
        /hosts get new certificates: 150 of 200 hosts; waits for hv-2 and 50 more/u,
      );
      assert.match(out, phase === 'done' ? /step +done/u : /step +taken back/u);
    }
  });
});
