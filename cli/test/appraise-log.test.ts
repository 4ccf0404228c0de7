import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBaselines, parseBaselines } from '@touchstone/appraisal';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  type NewEvent,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import type { Baseline, BaselineRule } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { EXIT } from '../index.ts';
import { newOperator, type Operator, type Ran } from './support/operator.ts';

const file = (pcr: number, path: string, content = 'ab'): NewEvent => ({
  pcr,
  type: EV_EVENT_TAG,
  data: encodeSoftwareEvent({ kind: 'file', path, sha256: content.repeat(32) }),
});
const commandLine: NewEvent = {
  pcr: 8,
  type: EV_EVENT_TAG,
  data: encodeSoftwareEvent({ kind: 'command-line', text: 'root=/dev/sda1 ro' }),
};
const EVENTS = [commandLine, file(9, '/boot/vmlinuz'), file(13, '/etc/touchstone/agent.yaml')];
const logOf = (events: readonly NewEvent[], vendorInfo = SOFTWARE_VENDOR_INFO) =>
  encodeEventLog({ vendorInfo, banks: ['sha256'], events });

const ruleFor = ({ pcr, data }: NewEvent, index: number): BaselineRule => ({
  ...{ id: `rule-${index}`, mode: 'enforce', pcr, type: 'EV_EVENT_TAG' },
  allow: [{ sha256: hashHex('sha256', data) }],
});
const BASELINE: Baseline = {
  ...{ kind: 'baseline', part: 'bootChain', name: 'attic', version: 1, banks: ['sha256'] },
  match: { labels: { site: 'attic' }, class: ['software'] },
  rules: EVENTS.map(ruleFor),
};

type Report = {
  readonly verdict: string;
  readonly class: string;
  readonly provedByTpm: boolean;
  readonly findings: readonly { code: string; effect: string; event?: { index: number } }[];
  readonly baselines: readonly object[];
  readonly pcrs: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

describe('touchstone appraise --log', () => {
  let operator: Operator;
  before(() => {
    operator = newOperator();
  });
  after(() => operator.leave());

  function write(name: string, bytes: Uint8Array | string): string {
    const path = join(operator.home, name);
    writeFileSync(path, bytes);
    return path;
  }
  const appraise = (
    log: Uint8Array,
    baselines: readonly Baseline[] | string,
    ...more: readonly string[]
  ): Promise<Ran> => {
    const yaml = typeof baselines === 'string' ? baselines : formatBaselines(baselines);
    const files = ['--log', write('log', log), '--baseline', write('b.yaml', yaml)];
    return operator.run(['appraise', ...files, ...more], {
      connect: () => assert.fail('asked a server'),
    });
  };
  async function report(
    exit: number,
    log: Uint8Array,
    baselines: readonly Baseline[],
    ...more: readonly string[]
  ): Promise<Report> {
    const ran = await appraise(log, baselines, '--json', ...more);
    assert.deepEqual([ran.exit, ran.err], [exit, '']);
    return JSON.parse(ran.out) as Report;
  }
  const codesOf = ({ findings }: Report) =>
    findings.filter(({ effect }) => effect === 'enforce').map(({ code }) => code);

  it('is 0 where the log is what the baseline says, and says that no TPM proved it', async () => {
    const found = await report(EXIT.yes, logOf(EVENTS), [BASELINE]);
    assert.equal(found.verdict, 'affirming');
    assert.equal(found.provedByTpm, false);
    assert.equal(found.class, 'software');
    assert.deepEqual(found.baselines, [{ part: 'bootChain', name: 'attic', version: 1 }]);
    assert.ok(found.findings.every(({ effect }) => effect === 'observe'));
    const zero = '0'.repeat(64);
    const digest = hashHex('sha256', commandLine.data);
    const extended = hashHex('sha256', Buffer.from(zero + digest, 'hex'));
    assert.deepEqual([found.pcrs['sha256']?.['8'], found.pcrs['sha256']?.['0']], [extended, zero]);
    const { out } = await appraise(logOf(EVENTS), [BASELINE]);
    assert.match(out, /^The log is what the baselines say\.\nNo TPM vouches for it/u);
  });

  it('is 1 with findings where it is not, in words too', async () => {
    const other = [commandLine, file(9, '/boot/vmlinuz', 'cd'), ...EVENTS.slice(2)];
    const found = await report(EXIT.no, logOf(other), [BASELINE]);
    assert.equal(found.verdict, 'contraindicated');
    const [first] = found.findings;
    assert.deepEqual([first?.effect, first?.event?.index], ['enforce', 2]);
    const { out } = await appraise(logOf(other), [BASELINE]);
    assert.match(out, /^The log is not what the baselines say\./u);
    assert.match(out, /event 2 in PCR 9, of type EV_EVENT_TAG/u);
  });

  for (const [given, log] of [
    ['a log of no bytes', new Uint8Array()],
    ['a log of no events', logOf([])],
    ['a log that lacks one event', logOf(EVENTS.slice(0, 2))],
    ['a log with one event more', logOf([...EVENTS, file(13, '/etc/passwd')])],
    ['a log with an event twice', logOf([...EVENTS, commandLine])],
    ['a log of firmware for a software TPM', logOf(EVENTS, Buffer.from('firmware'))],
  ] as const) {
    it(`is 1 for ${given}`, async () => {
      const found = await report(EXIT.no, log, [BASELINE]);
      assert.notDeepEqual(codesOf(found), []);
    });
  }

  it('takes the class from the documents, or as it is told', async () => {
    const both = { ...BASELINE, match: { labels: {}, class: ['virtual', 'software'] as const } };
    const documents = [both as unknown as Baseline];
    const found = await report(EXIT.no, logOf(EVENTS), documents);
    assert.equal(found.class, 'virtual');
    assert.ok(codesOf(found).includes('LOG_WRONG_FOR_CLASS'));
    const told = await report(EXIT.yes, logOf(EVENTS), documents, '--class', 'software');
    assert.equal(told.class, 'software');
    assert.ok(
      codesOf(await report(EXIT.no, logOf(EVENTS), [BASELINE], '--class', 'discrete')).includes(
        'NO_BASELINE',
      ),
    );
  });

  it('is 64 where the documents have no class in common, or a file is not named', async () => {
    const virtual: Baseline = { ...BASELINE, match: { labels: {}, class: ['virtual'] } };
    const { exit, err } = await appraise(logOf(EVENTS), [BASELINE, virtual]);
    assert.equal(exit, EXIT.usage);
    assert.match(err, /CLASS_UNTOLD/u);
    const log = write('log', logOf(EVENTS));
    assert.equal((await operator.run(['appraise', '--log', log])).exit, EXIT.usage);
    assert.equal((await operator.run(['appraise'])).exit, EXIT.usage);
  });

  it('holds a log against several files together, and against expired ones not at all', async () => {
    const [chain, line] = [
      { ...BASELINE, rules: BASELINE.rules.slice(1) },
      { ...BASELINE, part: 'commandLine' as const, rules: BASELINE.rules.slice(0, 1) },
    ];
    const files = [chain, line].flatMap((one, index) => [
      '--baseline',
      write(`${index}.yaml`, formatBaselines([one])),
    ]);
    const log = write('log', logOf(EVENTS));
    assert.equal((await operator.run(['appraise', '--log', log, ...files])).exit, EXIT.yes);
    const expired = { ...BASELINE, expires: '2026-11-22T11:59:59Z' };
    const found = await report(EXIT.no, logOf(EVENTS), [expired]);
    assert.deepEqual(codesOf(found).slice(0, 1), ['BASELINE_EXPIRED']);
  });

  it('is 65 for a log that is none: code, field, offset and file', async () => {
    const { exit, out } = await appraise(Buffer.from('x'.repeat(80)), [BASELINE], '--json');
    assert.equal(exit, EXIT.malformed);
    const log = join(operator.home, 'log');
    assert.deepEqual(JSON.parse(out), {
      error: { code: 'LOG_FORMAT_UNKNOWN', field: 'events[0].eventType', offset: 0, file: log },
    });
    const cut = await appraise(logOf(EVENTS).subarray(0, -1), [BASELINE]);
    assert.equal(cut.exit, EXIT.malformed);
    assert.match(cut.err, /TRUNCATED/u);
  });

  it('is 65 for a baseline that is none, and points at the line', async () => {
    const yaml = formatBaselines([BASELINE]);
    const wrong = yaml.replace('pcr: 9', 'pcr: 99');
    const { exit, out } = await appraise(logOf(EVENTS), wrong, '--json');
    assert.equal(exit, EXIT.malformed);
    const { error } = JSON.parse(out) as { error: Record<string, unknown> };
    assert.equal(error['code'], 'BASELINE_SHAPE');
    assert.equal(error['field'], '/rules/1/pcr');
    const at = Number(error['offset']);
    assert.equal(wrong.slice(at, wrong.indexOf('\n', at)).trim(), 'pcr: 99');
    const people = await appraise(logOf(EVENTS), wrong);
    const line = wrong.slice(0, at).split('\n').length;
    assert.ok(people.err.includes(`line ${line}, `), people.err);
    for (const text of ['', 'kind: [', '%YAML 1.1\n---\n']) {
      assert.equal((await appraise(logOf(EVENTS), text)).exit, EXIT.malformed, text);
    }
  });

  it('reads the log from standard input for -', async () => {
    const yaml = write('b.yaml', formatBaselines(parseBaselines(formatBaselines([BASELINE]))));
    const { exit } = await operator.run(['appraise', '--log', '-', '--baseline', yaml]);
    assert.equal(exit, EXIT.no);
  });
});
