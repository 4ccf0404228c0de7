import assert from 'node:assert/strict';
import type { Baseline, BaselineRule } from '@touchstone/schemas';
import { APPROVED, appraised, codes, enforced } from './support/made-host.ts';
import { file, goodLog, type Measured, MEASURED, sha256 } from './support/made-evidence.ts';

const changedTo = (path: string, to: Measured): Uint8Array =>
  goodLog(MEASURED.map((one) => ('path' in one.event && one.event.path === path ? to : one)));

const only = (changed: Partial<Baseline>): Baseline[] =>
  APPROVED.map((one) => ({ ...one, ...changed }));

const withRules = (part: string, change: (rules: BaselineRule[]) => BaselineRule[]): Baseline[] =>
  APPROVED.map((one) => (one.part === part ? { ...one, rules: change(one.rules) } : one));

describe('which baselines apply', () => {
  it('P1 contraindicates without any baseline: NO_BASELINE', () => {
    const result = appraised({}, { baselines: [] });
    assert.equal(result.verdict, 'contraindicated');
    assert.deepEqual(enforced(result), ['NO_BASELINE']);
    assert.ok(result.events.every(({ verdict }) => verdict === 'unchecked'));
    assert.equal(result.policyId, 'touchstone/appraisal/3');
  });

  it('P1 contraindicates where no rule enforces: NO_BASELINE', () => {
    const open = [8, 9, 13].map((pcr) => ({
      id: `pcr-${pcr}`,
      mode: 'observe' as const,
      pcr,
      type: 'EV_EVENT_TAG',
    }));
    const result = appraised({}, { baselines: only({ rules: open }).slice(0, 1) });
    assert.deepEqual(enforced(result), ['NO_BASELINE']);
    assert.equal(result.verdict, 'contraindicated');
  });

  it('P1 contraindicates a baseline without rules: BASELINE_MALFORMED, NO_BASELINE', () => {
    const result = appraised({}, { baselines: only({ rules: [] }).slice(0, 1) });
    assert.deepEqual(enforced(result), ['BASELINE_MALFORMED', 'NO_BASELINE']);
  });

  it('matches every label, the class and the host', () => {
    const matching = (match: Baseline['match']) =>
      enforced(appraised({}, { baselines: only({ match }) }));
    const labels = { site: 'shed' };
    const cls: Baseline['match']['class'] = ['software'];
    assert.deepEqual(matching({ labels: {}, class: cls }), []);
    assert.deepEqual(matching({ labels, class: ['virtual', 'software'] }), []);
    assert.deepEqual(matching({ labels, class: ['discrete'] }), ['NO_BASELINE']);
    assert.deepEqual(matching({ labels: { site: 'barn' }, class: cls }), ['NO_BASELINE']);
    assert.deepEqual(matching({ labels: { ...labels, rack: '1' }, class: cls }), ['NO_BASELINE']);
    assert.deepEqual(matching({ labels: { constructor: 'x' }, class: cls }), ['NO_BASELINE']);
    const host = '00000000-0000-4000-8000-000000000000';
    assert.deepEqual(matching({ labels, class: cls, host }), ['NO_BASELINE']);
  });

  it('P11 has an expired baseline explain nothing: BASELINE_EXPIRED', () => {
    const expires = '2026-11-22T12:00:00Z';
    const result = appraised({}, { baselines: only({ expires }) });
    assert.deepEqual(new Set(enforced(result)), new Set(['BASELINE_EXPIRED']));
    const later = '2026-11-22T12:00:01Z';
    assert.deepEqual(enforced(appraised({}, { baselines: only({ expires: later }) })), []);
    const [first, ...rest] = APPROVED;
    assert.ok(first);
    const mixed = appraised({}, { baselines: [{ ...first, expires }, ...rest] });
    const expected = ['BASELINE_EXPIRED', 'EVENT_UNEXPLAINED', 'EVENT_UNEXPLAINED'];
    assert.deepEqual(enforced(mixed), expected);
  });

  it('finds more baselines than can be named: BASELINES_TOO_MANY', () => {
    const baselines = Array.from({ length: 65 }, (_, at) => only({ version: at + 1 })[0]);
    const result = appraised({}, { baselines: baselines as Baseline[] });
    assert.ok(enforced(result).includes('BASELINES_TOO_MANY'));
    assert.equal(result.baselines.length, 64);
    assert.match(result.policyId, /^touchstone\/appraisal\/3;sha256:[0-9a-f]{64}$/);
  });
});

describe('events against rules', () => {
  it('shows which file in which PCR differs, what was approved and what was found: EVENT_DIFFERS', () => {
    const path = '/etc/touchstone/agent.yaml';
    const result = appraised({ log: changedTo(path, file(13, path, 'server: other')) });
    assert.deepEqual(enforced(result), ['EVENT_DIFFERS']);
    const [found] = result.findings;
    assert.equal(found?.subject, '/etc/touchstone/agent.yaml in PCR 13');
    assert.ok(found.expected?.startsWith(`file sha256 ${sha256('server: one')} (event sha256 `));
    assert.ok(found.actual?.startsWith(`file sha256 ${sha256('server: other')} (event sha256 `));
    assert.match(found.nearest ?? '', /agent\.yaml, by rule etc-touchstone-agent\.yaml of runtime/);
    assert.deepEqual(found.event, { index: 5, pcr: 13, type: 'EV_EVENT_TAG', name: path });
    assert.match(found.remedy, /Put it back as it was .* and restart the host/);
    assert.match(found.remedy, /capture a new baseline from this host and approve it/);
    assert.equal(found.actor, 'host-administrator');
    assert.equal(result.vector.executables, 96);
    assert.equal(result.vector.configuration, 2);
    assert.equal(result.events[4]?.verdict, 'unexpected');
  });

  it('says absent where a file is gone, and where one came', () => {
    const gone: Measured = { pcr: 9, event: { kind: 'absent', path: '/boot/vmlinuz' } };
    const [found] = appraised({ log: changedTo('/boot/vmlinuz', gone) }).findings;
    assert.equal(found?.code, 'EVENT_DIFFERS');
    assert.match(found.actual ?? '', /^absent \(event sha256 /);
    const path = '/etc/touchstone/extra.yaml';
    const [came] = appraised({ log: changedTo(path, file(13, path, 'x')) }).findings;
    assert.equal(came?.code, 'EVENT_DIFFERS');
    assert.match(came.expected ?? '', /^absent \(event sha256 /);
  });

  it('L27 shows a changed command line in words', () => {
    const [, ...rest] = MEASURED;
    const text = 'root=/dev/vda1 ro init=/bin/sh';
    const log = goodLog([{ pcr: 8, event: { kind: 'command-line', text } }, ...rest]);
    const result = appraised({ log });
    const [found] = result.findings;
    assert.equal(found?.code, 'EVENT_DIFFERS');
    assert.equal(found.subject, 'kernel command line in PCR 8');
    assert.match(found.expected ?? '', /^"root=\/dev\/vda1 ro lockdown=integrity" \(event sha256 /);
    assert.match(found.actual ?? '', /^"root=\/dev\/vda1 ro init=\/bin\/sh" \(event sha256 /);
    assert.equal(result.vector.configuration, 96);
    assert.equal(result.vector.executables, 32);
  });

  it('finds something that nobody approved: EVENT_UNEXPLAINED', () => {
    const log = goodLog([...MEASURED, file(13, '/etc/touchstone/more.yaml', 'x')]);
    const result = appraised({ log });
    assert.deepEqual(enforced(result), ['EVENT_UNEXPLAINED']);
    assert.equal(result.findings[0]?.subject, '/etc/touchstone/more.yaml in PCR 13');
  });

  it('finds something approved that was not measured: EVENT_MISSING', () => {
    const result = appraised({ log: goodLog(MEASURED.slice(0, -1)) });
    assert.deepEqual(enforced(result), ['EVENT_MISSING']);
    assert.equal(result.findings[0]?.subject, '/etc/touchstone/extra.yaml in PCR 13');
  });

  it('finds something approved measured twice: EVENT_REPEATED', () => {
    const result = appraised({ log: goodLog([...MEASURED, ...MEASURED.slice(-1)]) });
    assert.deepEqual(enforced(result), ['EVENT_REPEATED']);
  });

  it('takes one file gone and another come for two findings', () => {
    const log = changedTo('/boot/initrd.img', file(9, '/boot/initrd.old', 'initrd'));
    assert.deepEqual(enforced(appraised({ log })), ['EVENT_UNEXPLAINED', 'EVENT_MISSING']);
  });

  it('takes the approved file in another PCR for wrong in both', () => {
    const log = changedTo('/boot/initrd.img', file(13, '/boot/initrd.img', 'initrd'));
    assert.deepEqual(enforced(appraised({ log })), ['EVENT_UNEXPLAINED', 'EVENT_MISSING']);
  });

  it('explains a quoted PCR that no rule speaks of by nothing: EVENT_UNEXPLAINED', () => {
    const baselines = APPROVED.filter(({ part }) => part !== 'runtime');
    const result = appraised({}, { baselines });
    assert.deepEqual(enforced(result), Array(3).fill('EVENT_UNEXPLAINED'));
  });

  it('takes any one of the measurements that a rule allows', () => {
    const kernel = file(9, '/boot/vmlinuz', 'newer');
    const log = changedTo('/boot/vmlinuz', kernel);
    const allow = appraised({ log }).events.find(({ name }) => name === '/boot/vmlinuz');
    assert.ok(allow);
    const baselines = withRules('bootChain', (rules) =>
      rules.map((rule) =>
        rule.id === 'boot-vmlinuz'
          ? { ...rule, allow: [...(rule.allow ?? []), { sha256: allow.digest }] }
          : rule,
      ),
    );
    assert.deepEqual(enforced(appraised({ log }, { baselines })), []);
    assert.deepEqual(enforced(appraised({}, { baselines })), []);
  });

  it('P7 lets the stricter of two documents win', () => {
    const kernel = file(9, '/boot/vmlinuz', 'newer');
    const log = changedTo('/boot/vmlinuz', kernel);
    const digest = appraised({ log }).events[1]?.digest ?? '';
    const other = withRules('bootChain', (rules) =>
      rules.map((rule) =>
        rule.id === 'boot-vmlinuz' ? { ...rule, allow: [{ sha256: digest }] } : rule,
      ),
    ).map((one) => ({ ...one, name: 'other' }));
    assert.deepEqual(enforced(appraised({ log }, { baselines: other })), []);
    const both = appraised({ log }, { baselines: [...APPROVED, ...other] });
    assert.deepEqual(enforced(both), ['EVENT_MISSING']);
  });

  it('P12 warns where every rule for that PCR and type only warns', () => {
    const baselines = withRules('runtime', (rules) =>
      rules.map((rule) => ({ ...rule, mode: 'warn' as const })),
    );
    const path = '/etc/touchstone/agent.yaml';
    const log = changedTo(path, file(13, path, 'server: other'));
    const result = appraised({ log }, { baselines });
    assert.deepEqual(enforced(result), []);
    assert.equal(result.verdict, 'warning');
    assert.ok(codes(result.findings).includes('EVENT_DIFFERS'));
  });

  it('enforces an unexplained event beside a milder rule: one strict rule is enough', () => {
    const baselines = withRules('runtime', (rules) =>
      rules.map((rule, at) => (at === 0 ? rule : { ...rule, mode: 'observe' as const })),
    );
    const log = goodLog([...MEASURED, file(13, '/etc/more', 'x')]);
    assert.deepEqual(enforced(appraised({ log }, { baselines })), ['EVENT_UNEXPLAINED']);
  });

  it('shows what a rule without allow observes, and lets it decide nothing', () => {
    const baselines = withRules('runtime', () => [
      { id: 'anything', mode: 'observe', pcr: 13, type: 'EV_EVENT_TAG' },
    ]);
    const log = goodLog([...MEASURED, file(13, '/etc/more', 'x')]);
    const result = appraised({ log }, { baselines });
    assert.deepEqual(codes(result.findings), ['KEXEC_UNMEASURED']);
    assert.equal(result.events.at(-1)?.verdict, 'unchecked');
  });

  it('counts a rule with times: neither fewer nor more', () => {
    const baselines = withRules('bootChain', (rules) =>
      rules.map((rule) => (rule.id === 'boot-vmlinuz' ? { ...rule, times: 2 } : rule)),
    );
    const kernel = MEASURED.slice(1, 2);
    const run = (log: Uint8Array) => enforced(appraised({ log }, { baselines }));
    assert.deepEqual(run(goodLog()), ['EVENT_MISSING']);
    assert.deepEqual(run(goodLog([...MEASURED, ...kernel])), []);
    assert.deepEqual(run(goodLog([...MEASURED, ...kernel, ...kernel])), ['EVENT_REPEATED']);
  });
});
