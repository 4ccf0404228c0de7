import assert from 'node:assert/strict';
import { useLoggedIn } from './support/logged-in.ts';
import {
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

const REASONS = {
  reasons: [
    { code: 'EVENT_DIFFERS', title: 'Something measured is not what was approved' },
    { code: 'VM_HELD', title: 'The VM is held', remedy: 'Look at it; then `touchstone vm clear`.' },
  ],
};

describe('what touchstone shows', () => {
  const stage = useLoggedIn();

  describe('a refusal', () => {
    it('shows code, title, detail, remedy and every finding', async () => {
      stage.server.refuse('GET /v1/hosts/laptop-2', 409, 'HOST_NOT_VERIFIED', {
        title: 'The host is not trusted',
        detail: 'laptop-2 is untrusted',
        remedy: 'Read the findings.',
        findings: [CHANGED_FILE, KEXEC],
      });
      const { out, err } = await stage.operator.run(['host', 'show', 'laptop-2']);
      assert.equal(out, '');
      assert.match(err, /^touchstone: The host is not trusted \(HOST_NOT_VERIFIED\)\n/u);
      assert.match(err, /laptop-2 is untrusted\n.*Read the findings\./u);
      assert.match(err, /1\. Something measured is not what was approved\n[^]*2\. Another kernel/u);
    });

    it('is the whole problem as JSON with --json', async () => {
      stage.server.refuse('GET /v1/hosts', 409, 'HOST_NOT_VERIFIED', { findings: [CHANGED_FILE] });
      const { out, err } = await stage.operator.run(['host', 'list', '--json']);
      assert.equal(out, '');
      const problem = JSON.parse(err);
      assert.equal(problem.status, 409);
      assert.deepEqual(problem.findings, [CHANGED_FILE]);
    });
  });

  describe('baseline', () => {
    it('show gives the YAML as it is, drafts and active ones, and the rest beside it', async () => {
      const baselines = [baselineRecord('retired'), baselineRecord('active', 2)];
      baselines.push(baselineRecord('draft', 3));
      stage.server.answer('GET /v1/baselines?name=attic-hosts', { baselines });
      const { out, err } = await stage.operator.run(['baseline', 'show', 'attic-hosts']);
      assert.equal(out, `${baselines[1]?.yaml}---\n${baselines[2]?.yaml}`);
      assert.match(err, /attic-hosts, host, version 2: active, approved by bert 1h ago/u);
      assert.match(err, /attic-hosts, host, version 3: draft, drafted by anna 2h ago/u);
    });

    it('import sends the file, or standard input', async () => {
      stage.server.answer('POST /v1/baselines', { baselines: [baselineRecord('draft')] });
      const { out } = await stage.operator.run(['baseline', 'import', '-'], {
        input: 'kind: baseline',
      });
      assert.deepEqual(stage.server.asked.at(-1)?.body, { yaml: 'kind: baseline' });
      assert.match(out, /Drafted attic-hosts, host, version 1: 1 allowed measurement\n/u);
      assert.match(out, /touchstone baseline approve attic-hosts/u);
    });

    it('capture names the host by its id', async () => {
      stage.server.answer(
        'GET /v1/hosts/laptop-1',
        hostDetail(hostSummary('laptop-1', 'untrusted')),
      );
      stage.server.answer(`POST /v1/hosts/${HOST_ID}/baseline`, {
        baselines: [baselineRecord('draft')],
      });
      const options = ['--name', 'attic-hosts', '--label', 'site=attic', '--accept-unverified'];
      await stage.operator.run(['baseline', 'capture', 'laptop-1', ...options]);
      assert.deepEqual(stage.server.asked.at(-1)?.body, {
        name: 'attic-hosts',
        labels: { site: 'attic' },
        acceptUnverified: true,
      });
    });

    it('approve tells which hosts changed by it', async () => {
      const changedHosts = [{ id: HOST_ID, name: 'laptop-1', from: 'untrusted', to: 'trusted' }];
      stage.server.answer('POST /v1/baselines/attic-hosts/approval', {
        baselines: [baselineRecord('active')],
        changedHosts,
      });
      const argv = ['baseline', 'approve', 'attic-hosts', '--part', 'host', '--version', '1'];
      const { out } = await stage.operator.run(argv);
      assert.deepEqual(stage.server.asked.at(-1)?.body, { part: 'host', version: 1 });
      assert.match(out, /laptop-1: untrusted -> trusted/u);
    });
  });

  describe('vm', () => {
    it('add sends the whole record, and a new UUID where none is given', async () => {
      stage.server.answer('POST /v1/vms', VM);
      const labels = ['--host-label', 'site=attic'];
      const argv = ['vm', 'add', '--name', 'accounts', '--class', 'software', ...labels];
      await stage.operator.run([...argv, VM.uuid]);
      assert.deepEqual(stage.server.asked.at(-1)?.body, VM);
      await stage.operator.run([...argv, '--image', 'AB'.repeat(32)]);
      const { uuid, images } = (stage.server.asked.at(-1) as { body: typeof VM }).body;
      assert.match(uuid, /^[0-9a-f-]{36}$/u);
      assert.notEqual(uuid, VM.uuid);
      assert.deepEqual(images, ['ab'.repeat(32)]);
    });

    it('starts are found by the name of the VM', async () => {
      stage.server.answer('GET /v1/vms', { vms: [VM] });
      stage.server.answer(`GET /v1/vms/${VM.uuid}/starts`, STARTS);
      stage.server.answer('GET /v1/reasons', REASONS);
      const { out } = await stage.operator.run(['vm', 'starts', 'accounts']);
      assert.match(out, /\nWhy not: {2}touchstone host explain laptop-2\n/u);
      assert.match(out, /2m ago +laptop-2 +refused +00000000-0000-4000-8000-666666666666\n/u);
      assert.match(out, /\n {2}Something measured .*\(EVENT_DIFFERS\)\n/u);
      assert.doesNotMatch(out, /To do/u);
    });

    it('starts that its record or its host alone refused say so, and send nobody to the host', async () => {
      const [start] = STARTS.starts;
      const starts = [
        { ...start, code: 'VM_HELD' },
        { ...start, decision: 'licensed', code: 'SERVER_UNREACHABLE', told: true },
        { ...start, decision: 'failed', code: 'VM_DID_NOT_RUN', told: true },
      ];
      stage.server.answer(`GET /v1/vms/${VM.uuid}/starts`, {
        vm: VM,
        starts: starts.map((each) => ({ ...each, definitionDigest: null })),
      });
      stage.server.answer('GET /v1/reasons', REASONS);
      const { out } = await stage.operator.run(['vm', 'starts', VM.uuid]);
      assert.match(out, /refused.*\n {2}The VM is held \(VM_HELD\)\n/u);
      assert.match(out, /server unreachable \(SERVER_UNREACHABLE\), decided by the host alone\n/u);
      assert.match(out, /failed.*\n {2}.*\(VM_DID_NOT_RUN\), its host says\n/u);
      assert.match(out, /\nTo do:\n {2}VM_HELD {2}Look at it; then `touchstone vm clear`\.\n$/u);
    });
  });

  describe('--json', () => {
    beforeEach(() => stage.server.answer('GET /v1/reasons', REASONS));
    const host = hostSummary('laptop-2', 'untrusted');
    for (const [argv, route, answer] of [
      [['host', 'list'], 'GET /v1/hosts', { hosts: [host, hostSummary('laptop-1', 'trusted')] }],
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
      [['audit', 'list'], 'GET /v1/audit', { entries: [AUDIT_ENTRY] }],
    ] as const) {
      it(`gives the whole answer of: touchstone ${argv.join(' ')}`, async () => {
        stage.server.answer(route, answer);
        const { exit, out, err } = await stage.operator.run([...argv, '--json'], { tty: true });
        assert.deepEqual([exit, err], [0, '']);
        assert.deepEqual(JSON.parse(out), answer);
      });

      it(`has words beside it for people: touchstone ${argv.join(' ')}`, async () => {
        stage.server.answer(route, answer);
        const { exit, out } = await stage.operator.run([...argv]);
        assert.equal(exit, 0);
        assert.notEqual(out, '');
        assert.throws(() => JSON.parse(out) as unknown);
      });
    }
  });
});
