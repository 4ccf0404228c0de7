import assert from 'node:assert/strict';
import { type FixedServer, startFixedServer } from './support/fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './support/operator.ts';
import {
  AK_NAME,
  API_TOKEN,
  AUDIT_ENTRY,
  baselineRecord,
  CHANGED_FILE,
  explanation,
  HOST_ID,
  hostDetail,
  hostSummary,
  JOIN_TOKEN,
  KEXEC,
  SESSION,
  VM,
} from './support/records.ts';

const STARTS = {
  vm: VM,
  starts: [
    {
      requestId: '00000000-0000-4000-8000-666666666666',
      hostId: HOST_ID,
      hostName: 'laptop-2',
      at: '2026-11-22T11:58:00.000Z',
      decision: 'refused',
      code: 'EVENT_DIFFERS',
      definitionDigest: '77'.repeat(32),
    },
  ],
};

const FLEET = {
  hosts: [
    hostSummary('laptop-2', 'untrusted', {
      verdict: 'contraindicated',
      since: '2026-11-22T10:00:00.000Z',
      reason: { code: 'EVENT_DIFFERS', subject: '/etc/kvm/policy in PCR 13' },
    }),
    hostSummary('laptop-1', 'trusted'),
    hostSummary('rack-7', 'pending', {
      class: 'discrete',
      selfReportedMeasurements: false,
      verdict: null,
    }),
    hostSummary('rack-8', 'stale', { lastAuthenticAt: '2026-11-21T12:00:00.000Z' }),
    hostSummary('laptop-3', 'untrusted', {
      reason: { code: 'HOST_NOT_TRUSTED', subject: 'The host is not trusted' },
    }),
  ],
};

describe('what touchstone shows', () => {
  let server: FixedServer;
  let operator: Operator;

  before(async () => {
    server = await startFixedServer();
  });
  after(() => server.close());
  beforeEach(async () => {
    operator = newOperator();
    server.reset();
    server.answer('GET /v1/session', SESSION);
    await operator.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-'],
      { input: TOKEN },
    );
  });
  afterEach(() => operator.leave());

  /** Standard output with its runs of white space as one blank: for texts that wrap. */
  const flowing = (text: string) => text.replaceAll(/\s+/gu, ' ');

  describe('host list', () => {
    beforeEach(() => server.answer('GET /v1/hosts', FLEET));

    it('is an aligned table, then the count of each state', async () => {
      const { out } = await operator.run(['host', 'list']);
      assert.deepEqual(out.split('\n'), [
        'NAME      STATE      CLASS                     SINCE  REASON',
        'laptop-1  trusted    software (self-reported)  3m     -',
        'laptop-2  untrusted  software (self-reported)  2h     Something measured is not what was approved: /etc/kvm/policy in PCR 13 (EVENT_DIFFERS)',
        'laptop-3  untrusted  software (self-reported)  3m     good now, but was bad earlier in this boot: restart it, or approve it',
        'rack-7    pending    discrete                  3m     waits for approval: touchstone host approve rack-7',
        'rack-8    stale      software (self-reported)  3m     no authentic evidence for 1d',
        '',
        '5 hosts: 1 trusted, 2 untrusted, 1 pending, 1 stale',
        '',
      ]);
    });

    it('says beside it that the quorum is 1, as long as it is', async () => {
      assert.match((await operator.run(['host', 'list'])).err, /Quorum 1: one person alone/u);
      server.answer('GET /v1/session', { ...SESSION, quorum: 2 });
      assert.equal((await operator.run(['host', 'list'])).err, '');
    });

    it('cuts only its last column, and only to fit a terminal', async () => {
      const { out } = await operator.run(['host', 'list'], { tty: true, columns: 90 });
      const rows = out.replaceAll(/\u001b\[[0-9;]*m/gu, '').split('\n');
      assert.ok(rows.every((row) => row.length <= 90));
      assert.match(rows[2] ?? '', /^laptop-2 .*Something measured is .*…$/u);
    });

    it('is coloured on a terminal, unless NO_COLOR is set or the terminal is dumb', async () => {
      const argv = ['host', 'list'];
      const red = '\u001b[1;31muntrusted\u001b[0m';
      assert.ok((await operator.run(argv, { tty: true })).out.includes(red));
      for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
        const { out, err } = await operator.run(argv, { tty: true, env });
        assert.ok(!(out + err).includes('\u001b'));
      }
      assert.ok(!(await operator.run(argv)).out.includes('\u001b'));
    });

    it('of an empty fleet says how the first host comes in', async () => {
      server.answer('GET /v1/hosts', { hosts: [] });
      const { out } = await operator.run(['host', 'list']);
      assert.match(out, /join-token create[^]*touchstone-agent enroll/u);
    });
  });

  describe('host explain', () => {
    const explain = async (host: ReturnType<typeof hostSummary>, findings = [CHANGED_FILE]) => {
      server.answer(`GET /v1/hosts/${host.name}/explanation`, explanation(host, findings));
      return (await operator.run(['host', 'explain', host.name])).out;
    };
    const bad = hostSummary('laptop-2', 'untrusted', { verdict: 'contraindicated' });

    it('says first, in words, what is wrong', async () => {
      const [first, second] = (await explain(bad, [KEXEC, CHANGED_FILE])).split('\n');
      assert.equal(
        first,
        'laptop-2 is NOT trusted. No VM can be started on it; those that run go on running.',
      );
      assert.equal(second, 'Something measured is not what was approved: /etc/kvm/policy.');
    });

    it('then shows each finding as a block, the ones that refuse first', async () => {
      const out = await explain(bad, [KEXEC, CHANGED_FILE]);
      const blocks = out.slice(out.indexOf('What was found'), out.indexOf('Held against'));
      assert.deepEqual(blocks.trimEnd().split('\n'), [
        'What was found',
        '1. Something measured is not what was approved',
        '   stops VM starts',
        '   what      /etc/kvm/policy',
        '   where     event 7 in PCR 13, of type EV_EVENT_TAG',
        `   expected  file sha256 ${'aa'.repeat(32)}`,
        `             (event sha256 ${'bb'.repeat(32)})`,
        `   found     file sha256 ${'cc'.repeat(32)}`,
        `             (event sha256 ${'dd'.repeat(32)})`,
        '   nearest   /etc/kvm/policy, by rule policy of attic-hosts, host, version 1',
        '   to do     Put the file back as it was and restart the host.',
        '   who       whoever looks after this machine (root on it)',
        '   code      EVENT_DIFFERS',
        '',
        '2. Another kernel could have been started without the TPM seeing it',
        '   a warning',
        '   what   kexec',
        '   to do  Disable kexec on the host, or measure it.',
        '   who    whoever looks after this machine (root on it)',
        '   code   KEXEC_UNMEASURED',
      ]);
    });

    it('then the baselines, the events, and that no chip vouches for a software TPM', async () => {
      const out = await explain(bad);
      assert.match(out, /Held against\n {2}attic-hosts {2}host {2}version 1\n/u);
      assert.match(out, /2 events: 1 as approved, 1 not approved, 0 not checked/u);
      assert.match(out, /No chip vouches for what it says/u);
    });

    it('lists every event whole with --events', async () => {
      server.answer('GET /v1/hosts/laptop-2/explanation', explanation(bad, [CHANGED_FILE]));
      const argv = ['host', 'explain', 'laptop-2', '--events'];
      const { out } = await operator.run(argv, { tty: true, columns: 60, env: { NO_COLOR: '1' } });
      const row = `7      13   NOT approved  EV_EVENT_TAG  ${'dd'.repeat(32)}  /etc/kvm/policy`;
      assert.ok(out.split('\n').includes(row));
    });

    it('tells a host that is good again how it comes back', async () => {
      const out = flowing(await explain(hostSummary('laptop-2', 'untrusted'), [KEXEC]));
      assert.match(out, /in a bad state earlier in this same boot/u);
      assert.match(out, /Restart the machine/u);
    });

    it('never calls a host good that could not be judged', async () => {
      const host = hostSummary('laptop-2', 'untrusted', { verdict: 'none' });
      assert.match(flowing(await explain(host, [])), /what cannot be judged is never trusted/u);
    });

    it('says of a silent host since when, and what was before', async () => {
      const out = flowing(await explain(hostSummary('rack-8', 'stale'), []));
      assert.match(out, /gone silent/u);
      assert.match(out, /came 45s ago; until then it was trusted/u);
    });

    it('shows a pending host with the AK Name to compare', async () => {
      const out = await explain(hostSummary('rack-7', 'pending'), []);
      assert.match(out, /waits for approval/u);
      assert.ok(out.includes(AK_NAME));
    });

    it('says of a trusted host that it is, and of a revoked one that this is for good', async () => {
      assert.match(
        await explain(hostSummary('laptop-1', 'trusted'), []),
        /^laptop-1 is trusted\./u,
      );
      assert.match(await explain(hostSummary('old', 'revoked'), []), /^old was revoked\./u);
    });
  });

  describe('a refusal', () => {
    it('shows code, title, detail, remedy and every finding', async () => {
      server.refuse('GET /v1/hosts/laptop-2', 409, 'HOST_NOT_VERIFIED', {
        title: 'The host is not trusted',
        detail: 'laptop-2 is untrusted',
        remedy: 'Read the findings.',
        findings: [CHANGED_FILE, KEXEC],
      });
      const { out, err } = await operator.run(['host', 'show', 'laptop-2']);
      assert.equal(out, '');
      assert.match(err, /^touchstone: The host is not trusted \(HOST_NOT_VERIFIED\)\n/u);
      assert.match(err, /laptop-2 is untrusted\n.*Read the findings\./u);
      assert.match(err, /1\. Something measured is not what was approved\n[^]*2\. Another kernel/u);
    });

    it('is the whole problem as JSON with --json', async () => {
      server.refuse('GET /v1/hosts', 409, 'HOST_NOT_VERIFIED', { findings: [CHANGED_FILE] });
      const { out, err } = await operator.run(['host', 'list', '--json']);
      assert.equal(out, '');
      const problem = JSON.parse(err);
      assert.equal(problem.status, 409);
      assert.deepEqual(problem.findings, [CHANGED_FILE]);
    });
  });

  describe('host approve', () => {
    it("shows the AK Name that it sends, for the host's own class unless told", async () => {
      const host = hostSummary('rack-7', 'pending');
      server.answer('GET /v1/hosts/rack-7', hostDetail(host));
      const approved = hostDetail(hostSummary('rack-7', 'trusted'));
      server.answer(`POST /v1/hosts/${HOST_ID}/approval`, approved);
      const { exit, out, err } = await operator.run(['host', 'approve', 'rack-7']);
      assert.equal(exit, 0);
      assert.match(err, new RegExp(`Approving rack-7[^]*with AK Name ${AK_NAME}`, 'u'));
      assert.match(out, /state +trusted/u);
      assert.deepEqual(server.asked.at(-1)?.body, { akName: AK_NAME, classes: ['software'] });
    });

    it('sends the classes and labels that it is given', async () => {
      server.answer('GET /v1/hosts/rack-7', hostDetail(hostSummary('rack-7', 'pending')));
      server.answer(
        `POST /v1/hosts/${HOST_ID}/approval`,
        hostDetail(hostSummary('rack-7', 'trusted')),
      );
      const options = ['--class', 'software', '--class', 'virtual', '--label', 'site=attic'];
      await operator.run(['host', 'approve', 'rack-7', ...options]);
      const labels = { site: 'attic' };
      const classes = ['software', 'virtual'];
      assert.deepEqual(server.asked.at(-1)?.body, { akName: AK_NAME, classes, labels });
    });
  });

  describe('baseline', () => {
    it('show gives the YAML as it is, drafts and active ones, and the rest beside it', async () => {
      const baselines = [baselineRecord('retired'), baselineRecord('active', 2)];
      baselines.push(baselineRecord('draft', 3));
      server.answer('GET /v1/baselines?name=attic-hosts', { baselines });
      const { out, err } = await operator.run(['baseline', 'show', 'attic-hosts']);
      assert.equal(out, `${baselines[1]?.yaml}---\n${baselines[2]?.yaml}`);
      assert.match(err, /attic-hosts, host, version 2: active, approved by bert 1h ago/u);
      assert.match(err, /attic-hosts, host, version 3: draft, drafted by anna 2h ago/u);
    });

    it('import sends the file, or standard input', async () => {
      server.answer('POST /v1/baselines', { baselines: [baselineRecord('draft')] });
      const { out } = await operator.run(['baseline', 'import', '-'], { input: 'kind: baseline' });
      assert.deepEqual(server.asked.at(-1)?.body, { yaml: 'kind: baseline' });
      assert.match(out, /Drafted attic-hosts, host, version 1: 1 allowed measurement\n/u);
      assert.match(out, /touchstone baseline approve attic-hosts/u);
    });

    it('capture names the host by its id', async () => {
      server.answer('GET /v1/hosts/laptop-1', hostDetail(hostSummary('laptop-1', 'untrusted')));
      server.answer(`POST /v1/hosts/${HOST_ID}/baseline`, { baselines: [baselineRecord('draft')] });
      const options = ['--name', 'attic-hosts', '--label', 'site=attic', '--accept-unverified'];
      await operator.run(['baseline', 'capture', 'laptop-1', ...options]);
      assert.deepEqual(server.asked.at(-1)?.body, {
        name: 'attic-hosts',
        labels: { site: 'attic' },
        acceptUnverified: true,
      });
    });

    it('approve tells which hosts changed by it', async () => {
      const changedHosts = [{ id: HOST_ID, name: 'laptop-1', from: 'untrusted', to: 'trusted' }];
      server.answer('POST /v1/baselines/attic-hosts/approval', {
        baselines: [baselineRecord('active')],
        changedHosts,
      });
      const argv = ['baseline', 'approve', 'attic-hosts', '--part', 'host', '--version', '1'];
      const { out } = await operator.run(argv);
      assert.deepEqual(server.asked.at(-1)?.body, { part: 'host', version: 1 });
      assert.match(out, /laptop-1: untrusted -> trusted/u);
    });
  });

  describe('vm', () => {
    it('add sends the whole record, and a new UUID where none is given', async () => {
      server.answer('POST /v1/vms', VM);
      const labels = ['--host-label', 'site=attic'];
      const argv = ['vm', 'add', '--name', 'accounts', '--class', 'software', ...labels];
      await operator.run([...argv, VM.uuid]);
      assert.deepEqual(server.asked.at(-1)?.body, VM);
      await operator.run([...argv, '--image', 'AB'.repeat(32)]);
      const { uuid, images } = (server.asked.at(-1) as { body: typeof VM }).body;
      assert.match(uuid, /^[0-9a-f-]{36}$/u);
      assert.notEqual(uuid, VM.uuid);
      assert.deepEqual(images, ['ab'.repeat(32)]);
    });

    it('starts are found by the name of the VM', async () => {
      server.answer('GET /v1/vms', { vms: [VM] });
      server.answer(`GET /v1/vms/${VM.uuid}/starts`, STARTS);
      const { out } = await operator.run(['vm', 'starts', 'accounts']);
      assert.match(out, /2m ago +laptop-2 +refused +Something measured .*\(EVENT_DIFFERS\)/u);
    });
  });

  describe('--json', () => {
    const host = hostSummary('laptop-2', 'untrusted');
    for (const [argv, route, answer] of [
      [['host', 'list'], 'GET /v1/hosts', FLEET],
      [['host', 'show', 'laptop-2'], 'GET /v1/hosts/laptop-2', hostDetail(host)],
      [
        ['host', 'explain', 'laptop-2'],
        'GET /v1/hosts/laptop-2/explanation',
        explanation(host, [CHANGED_FILE, KEXEC]),
      ],
      [['baseline', 'list'], 'GET /v1/baselines', { baselines: [baselineRecord('active')] }],
      [
        ['baseline', 'show', 'attic-hosts'],
        'GET /v1/baselines?name=attic-hosts',
        { baselines: [baselineRecord('active')] },
      ],
      [['vm', 'list'], 'GET /v1/vms', { vms: [VM] }],
      [['vm', 'show', VM.uuid], `GET /v1/vms/${VM.uuid}`, VM],
      [['vm', 'starts', VM.uuid], `GET /v1/vms/${VM.uuid}/starts`, STARTS],
      [['join-token', 'list'], 'GET /v1/join-tokens', { tokens: [JOIN_TOKEN] }],
      [
        ['join-token', 'revoke', JOIN_TOKEN.id],
        `DELETE /v1/join-tokens/${JOIN_TOKEN.id}`,
        JOIN_TOKEN,
      ],
      [
        ['join-token', 'create', '--class', 'software'],
        'POST /v1/join-tokens',
        { token: 'tsj_new', record: JOIN_TOKEN },
      ],
      [['token', 'list'], 'GET /v1/tokens', { tokens: [API_TOKEN] }],
      [['token', 'revoke', API_TOKEN.id], `DELETE /v1/tokens/${API_TOKEN.id}`, API_TOKEN],
      [['audit', 'list'], 'GET /v1/audit', { entries: [AUDIT_ENTRY] }],
    ] as const) {
      it(`gives the whole answer of: touchstone ${argv.join(' ')}`, async () => {
        server.answer(route, answer);
        const { exit, out, err } = await operator.run([...argv, '--json'], { tty: true });
        assert.deepEqual([exit, err], [0, '']);
        assert.deepEqual(JSON.parse(out), answer);
      });

      it(`has words beside it for people: touchstone ${argv.join(' ')}`, async () => {
        server.answer(route, answer);
        const { exit, out } = await operator.run([...argv]);
        assert.equal(exit, 0);
        assert.notEqual(out, '');
        assert.throws(() => JSON.parse(out) as unknown);
      });
    }
  });
});
