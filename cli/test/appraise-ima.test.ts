import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBaselines, imaPolicyFromList } from '@touchstone/appraisal';
import { imaEntries } from '@touchstone/eventlog';
import type { Baseline, ImaPolicy } from '@touchstone/schemas';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

const LOG = 'boots/g-ima-attacker/binary_bios_measurements';
const LIST = 'boots/g-ima-attacker/ima_binary';
const ATTACKER = ['/newroot/usr/local/sbin/cryptominer', '/newroot/opt/agent/attacker.sh'];

type Report = {
  readonly findings: readonly { code: string; subject: string; actual?: string; effect: string }[];
  readonly imaEntries: number;
};

describeCorpus('touchstone appraise --log with --ima, of the corpus', () => {
  const operator = newOperator();
  after(() => operator.leave());
  const write = (name: string, content: Uint8Array | string): string => {
    const file = join(operator.home, name);
    writeFileSync(file, content);
    return file;
  };
  let boot: string;
  before(async () => {
    boot = write('boot.yaml', (await operator.run(['baseline', 'from-log', corpusPath(LOG)])).out);
  });

  function runtime(without: (path: string) => boolean, more: Partial<ImaPolicy> = {}): string {
    const list = Uint8Array.from(readFileSync(corpusPath(LIST)));
    const policy = imaPolicyFromList(imaEntries(list), { without });
    assert.ok(policy);
    const baseline: Baseline = {
      ...{ kind: 'baseline', part: 'runtime', name: 'files', version: 1, banks: ['sha256'] },
      match: { labels: {}, class: ['discrete', 'firmware', 'virtual'] },
      ima: { ...policy, ...more },
      rules: [],
    };
    return write('runtime.yaml', formatBaselines([baseline]));
  }
  const appraise = (policy: string, ...more: readonly string[]) =>
    operator.run([
      ...['appraise', '--log', corpusPath(LOG), '--baseline', boot, '--baseline', policy],
      ...['--json', ...more],
    ]);
  const withList = (policy: string) => appraise(policy, '--ima', corpusPath(LIST));

  it('is 0 where the list holds what the baseline lists', async () => {
    const { exit, out } = await withList(runtime(() => false, { violations: 'observe' }));
    const { findings, imaEntries: judged } = JSON.parse(out) as Report;
    assert.equal(exit, EXIT.yes, JSON.stringify(findings.slice(0, 5)));
    assert.equal(judged, 1_532);
  });

  it("is 1 and names the attacker's two files and both violations", async () => {
    const { exit, out } = await withList(runtime((path) => ATTACKER.includes(path)));
    assert.equal(exit, EXIT.no);
    const { findings } = JSON.parse(out) as Report;
    const text = JSON.stringify(findings.filter(({ effect }) => effect === 'enforce'));
    for (const path of ATTACKER) assert.ok(text.includes(path), path);
    // Two violations of one file: each is said.
    const violated = findings.filter(({ code }) => code === 'IMA_VIOLATION');
    assert.deepEqual(
      violated.map(({ subject }) => subject),
      ['/newroot/root/openwriter', '/newroot/root/openwriter'],
    );
  });

  it('holds boots against a baseline of one of them, made with its list', async () => {
    const of = (which: string, name: string) => corpusPath(`boots/${which}/${name}`);
    const files = (which: string) => [
      of(which, 'binary_bios_measurements'),
      of(which, 'ima_binary'),
    ];
    const [log = '', list = ''] = files('a-sb-on');
    const made = await operator.run(['baseline', 'from-log', log, '--ima', list]);
    const baseline = write('a.yaml', made.out);
    const judged = async (which: string) => {
      const [events = '', entries = ''] = files(which);
      const argv = [
        'appraise',
        '--log',
        events,
        '--baseline',
        baseline,
        '--ima',
        entries,
        '--json',
      ];
      const { exit, out } = await operator.run(argv);
      return { exit, findings: (JSON.parse(out) as Report).findings };
    };
    for (const which of ['a-sb-on', 'a2-sb-on-again', 'k-tis']) {
      assert.equal((await judged(which)).exit, EXIT.yes, which);
    }
    const { exit, findings } = await judged('g-ima-attacker');
    assert.equal(exit, EXIT.no);
    const enforced = findings.filter(({ effect }) => effect === 'enforce');
    assert.ok(enforced.every(({ code }) => code.startsWith('IMA_')));
    assert.ok(enforced.some(({ code }) => code === 'IMA_FILE_UNKNOWN'));
    const malformed = await operator.run(['baseline', 'from-log', log, '--ima', log]);
    assert.deepEqual([malformed.exit, malformed.out], [EXIT.malformed, '']);
  });

  it('is 1 where the baseline wants a list and there is none', async () => {
    const { exit, out } = await appraise(runtime(() => false));
    assert.equal(exit, EXIT.no);
    const { findings } = JSON.parse(out) as Report;
    assert.deepEqual(
      findings.filter(({ effect }) => effect === 'enforce').map(({ code }) => code),
      ['IMA_NOT_QUOTED'],
    );
  });

  it('is 65 for a list that is none, and names the file', async () => {
    const list = write('list', readFileSync(corpusPath(LIST)).subarray(0, -1));
    const { exit, out } = await appraise(
      runtime(() => false),
      '--ima',
      list,
    );
    assert.equal(exit, EXIT.malformed);
    const { error } = JSON.parse(out) as { error: Record<string, unknown> };
    assert.deepEqual([error['file'], typeof error['offset']], [list, 'number']);
  });

  it('is 64 where no baseline says what the list may hold: IMA_POLICY_NONE', async () => {
    const { exit, err } = await operator.run([
      ...['appraise', '--log', corpusPath(LOG), '--baseline', boot, '--ima', corpusPath(LIST)],
    ]);
    assert.equal(exit, EXIT.usage);
    assert.match(err, /IMA_POLICY_NONE/u);
  });
});
