import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBaseline } from '@touchstone/appraisal';
import type {
  Approval,
  PreviewPart,
  WindowChange,
  WindowHosts,
  WindowRecord,
} from '@touchstone/schemas';
import { useLoggedIn } from './support/logged-in.ts';
import { baselineRecord, CHANGED_FILE, HOST_ID } from './support/records.ts';

const ID = '00000000-0000-4000-8000-999999999999';

const WINDOW: WindowRecord = {
  ...{ id: ID, name: 'attic-hosts', documents: [{ part: 'bootChain', version: 4 }] },
  ...{ until: '2026-11-29T12:00:00.000Z', quota: 40, accepted: 31, laggards: 2 },
  ...{ openedBy: 'anna', openedAt: '2026-11-20T12:00:00.000Z', endedAt: null, endedBy: null },
};
const HOSTS: WindowHosts['hosts'] = ['hv-01', 'hv-02', 'hv-03'].map((name, index) => ({
  ...{ id: HOST_ID, name, state: 'trusted', class: 'discrete' },
  acceptedAt: index === 0 ? '2026-11-21T12:00:00.000Z' : null,
  lastAuthenticAt: '2026-11-22T11:59:00.000Z',
}));
const APPROVAL: Approval = {
  ...{ id: ID, action: 'baseline.approve', subject: 'attic-hosts', state: 'waiting' },
  ...{ detail: 'attic-hosts/bootChain/4 for attic-hosts/bootChain/3', digest: 'ab'.repeat(32) },
  ...{ person: 'anna', token: 'anna-laptop', at: '2026-11-22T09:00:00.000Z' },
  ...{ expiresAt: '2026-11-23T09:00:00.000Z', decidedBy: null, decidedAt: null },
};
const PART: PreviewPart = {
  documents: [
    { name: 'attic-hosts', part: 'bootChain', version: 4, becomes: 'active' },
    { name: 'attic-hosts', part: 'bootChain', version: 3, becomes: 'retired' },
  ],
  ...{ loosens: true, hosts: 50, stay: { trusted: 46, untrusted: 1 }, unverified: 0 },
  changed: [
    {
      ...{ id: HOST_ID, name: 'hv-07', from: 'trusted', to: 'untrusted' },
      ...{ verdict: 'contraindicated', findings: [CHANGED_FILE] },
      vms: [
        { uuid: HOST_ID, name: 'web-1' },
        { uuid: ID, name: 'web-2' },
      ],
    },
  ],
  nextCursor: 'bmV4dA',
};

describe('touchstone, of the policy', () => {
  const stage = useLoggedIn();
  const run = (...argv: string[]) => stage.operator.run(argv);

  it('baseline preview adds up the parts, says whom it would refuse and why: exit 1', async () => {
    let asked = 0;
    stage.server.answer('POST /v1/previews', PART);
    const second = {
      ...PART,
      nextCursor: undefined,
      changed: [{ ...PART.changed[0], name: 'hv-08', vms: [] }],
    };
    Object.defineProperty(second, 'toJSON', {
      value: () => ((asked += 1) === 1 ? PART : { ...second, toJSON: undefined }),
    });
    stage.server.answer('POST /v1/previews', second);
    const { out, exit } = await run('baseline', 'preview', 'attic-hosts', '--part', 'bootChain');
    assert.equal(exit, 1);
    assert.deepEqual(
      stage.server.asked.slice(-2).map(({ body }) => body),
      [
        { change: { kind: 'approval', name: 'attic-hosts', part: 'bootChain' } },
        {
          change: { kind: 'approval', name: 'attic-hosts', part: 'bootChain' },
          cursor: 'bmV4dA',
        },
      ],
    );
    assert.match(out, /^\+ attic-hosts, bootChain, version 4 would be active$/mu);
    assert.match(out, /^2 hosts and 2 VMs would be refused$/mu);
    assert.match(out, /^Of 100 hosts that this is for 92 stay trusted and 2 untrusted\.$/mu);
    assert.match(out, /^hv-07 +trusted +untrusted +2 +Something measured/mu);
    assert.match(out, /^hv-08 +trusted +untrusted +0 /mu);
  });

  it('baseline preview of what refuses nobody is exit 0, of nothing exit 64', async () => {
    stage.server.answer('POST /v1/previews', { ...PART, nextCursor: undefined, changed: [] });
    const { out, exit } = await run('baseline', 'preview', 'attic-hosts', '--retire');
    assert.deepEqual(
      [exit, stage.server.asked.at(-1)?.body],
      [0, { change: { kind: 'retirement', name: 'attic-hosts' } }],
    );
    assert.match(out, /^0 hosts and 0 VMs would be refused$/mu);
    assert.equal((await run('baseline', 'preview')).exit, 64);
    assert.equal((await run('baseline', 'preview', 'a', '--file', 'b')).exit, 64);
  });

  it('baseline diff compares what is active with the latest draft: exit 1 where they differ', async () => {
    const [one, two] = [baselineRecord('active', 2), baselineRecord('draft', 3)];
    two.baseline.rules[0]!.mode = 'warn';
    stage.server.answer('GET /v1/baselines?name=attic-hosts', { baselines: [one, two] });
    const { out, exit } = await run('baseline', 'diff', 'attic-hosts');
    assert.equal(exit, 1);
    assert.match(out, /^attic-hosts, host: version 2 -> version 3$/mu);
    assert.match(out, /^~ rule \S+, mode: enforce -> warn$/mu);
    const same = await run('baseline', 'diff', 'attic-hosts', '--from', '2', '--to', '2');
    assert.deepEqual([same.exit, same.out], [0, 'Nothing differs.\n']);
  });

  it('baseline diff of two files asks nobody', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'touchstone-diff-'));
    try {
      const { baseline: loose } = baselineRecord('active', 2);
      const baseline = { ...loose, part: 'runtime' as const };
      const [a, b, bad] = ['a.yaml', 'b.yaml', 'bad.yaml'].map((name) => join(directory, name));
      assert.ok(a && b && bad);
      writeFileSync(a, formatBaseline(baseline));
      writeFileSync(b, formatBaseline({ ...baseline, version: 3 }));
      writeFileSync(bad, 'kind: nothing\n');
      const before = stage.server.asked.length;
      const { out, exit } = await run('baseline', 'diff', a, b, '--json');
      assert.equal(exit, 1);
      assert.equal(JSON.parse(out).documents[0].after, 3);
      assert.equal((await run('baseline', 'diff', a, a)).exit, 0);
      assert.equal((await run('baseline', 'diff', a, bad)).exit, 65);
      assert.equal(stage.server.asked.length, before);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('baseline window show lists the laggards, and list how far each is', async () => {
    stage.server.answer('GET /v1/windows/attic-hosts', WINDOW);
    stage.server.answer(`GET /v1/windows/${ID}/hosts`, { hosts: HOSTS });
    stage.server.answer('GET /v1/windows', { windows: [WINDOW] });
    const { out } = await run('baseline', 'window', 'show', 'attic-hosts');
    assert.match(out, /^attic-hosts: open$/mu);
    assert.match(out, /^ {2}accepted +31 of 40$/mu);
    assert.match(out, /^2 laggards, not accepted by the new documents yet:$/mu);
    assert.match(out, /^hv-02 +trusted +discrete +1m ago$/mu);
    assert.doesNotMatch(out, /hv-01/u);
    const listed = await run('baseline', 'window', 'list');
    assert.match(
      listed.out,
      /^attic-hosts +open +31 of 40 +2 +in 7d +anna +bootChain version 4$/mu,
    );
  });

  it('baseline window open drafts the file, and names what it drafted', async () => {
    const record = baselineRecord('draft', 3);
    stage.server.answer('POST /v1/baselines', { baselines: [record] });
    const change: WindowChange = { window: WINDOW, baselines: [], changedHosts: [] };
    stage.server.answer('POST /v1/windows', change);
    const argv = ['baseline', 'window', 'open', 'attic-hosts', '--add', '-', '--until'];
    const ran = await stage.operator.run([...argv, '2026-11-29', '--hosts', '40'], { input: 'x' });
    assert.equal(ran.exit, 0, ran.err);
    assert.deepEqual(stage.server.asked.at(-1)?.body, {
      name: 'attic-hosts',
      until: '2026-11-29T00:00:00.000Z',
      documents: [{ part: 'host', version: 3 }],
      hosts: 40,
    });
    assert.equal((await run(...argv, 'tomorrow')).exit, 64);
  });

  it('approval list shows what waits, quorum show who could', async () => {
    stage.server.answer('GET /v1/approvals', { approvals: [APPROVAL] });
    stage.server.answer('GET /v1/quorum', { quorum: 2, approvers: ['anna', 'bert'], waiting: 1 });
    const { out } = await run('approval', 'list');
    assert.match(out, /^1 of 2 +baseline\.approve +attic-hosts +anna +3h +in 21h +/mu);
    const { out: shown } = await run('quorum', 'show');
    assert.match(shown, /^2: it takes two people/u);
    assert.match(shown, /^ {2}approvers +anna, bert$/mu);
    assert.equal((await run('quorum', 'set', '3')).exit, 64);
  });

  it('says that it waits for another person, and is a no: exit 1', async () => {
    stage.server.refuse('POST /v1/baselines/attic-hosts/approval', 409, 'QUORUM_WAITING', {
      title: 'One person has approved this; nothing was done yet, for it takes two',
      detail: '1 of 2, waiting for another person than anna',
    });
    const { exit, out, err } = await run('baseline', 'approve', 'attic-hosts');
    assert.deepEqual([exit, out], [1, '']);
    assert.match(err, /1 of 2, waiting for another person than anna/u);
  });
});
