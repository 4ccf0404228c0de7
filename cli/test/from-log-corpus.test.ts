import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

type Entry = {
  readonly kind: string;
  readonly path: string;
  readonly expected: {
    readonly parse: string;
    readonly format?: string;
    readonly changedPcrs?: readonly string[] | null;
  };
};
type Report = {
  readonly findings: readonly {
    readonly code: string;
    readonly effect: string;
    readonly subject: string;
    readonly event?: { readonly pcr: number };
  }[];
};

/** What speaks against each boot, by the PCRs of the events that the baseline does not have. */
const OTHERS = {
  'b3-sb-off-linuxefi': [0, 7, 8, 9],
  'c-cmdline': [8, 9],
  'd-initrd': [9],
  'f-mok-enrolled': [14],
  'h-optionrom': [2],
} as const;

describeCorpus('touchstone baseline from-log and appraise --log, of the corpus', () => {
  const operator = newOperator();
  after(() => operator.leave());

  async function baselineOf(path: string): Promise<string> {
    const { exit, out } = await operator.run(['baseline', 'from-log', corpusPath(path)]);
    assert.equal(exit, EXIT.yes, path);
    const file = join(operator.home, 'b.yaml');
    writeFileSync(file, out);
    return file;
  }
  const appraise = (path: string, baseline: string) =>
    operator.run(['appraise', '--log', corpusPath(path), '--baseline', baseline, '--json']);
  const entries = (kind: string) =>
    (JSON.parse(readFileSync(corpusPath('manifest.json'), 'utf8')) as Entry[]).filter(
      (entry) => entry.kind === kind && entry.expected.parse === 'ok',
    );
  const isAgile = ({ path, expected }: Entry) =>
    expected.format === 'crypto-agile' && !/\/(ccel-|trustee-CCEL)/u.test(path);

  it('the baseline made from a log accepts it', async () => {
    const logs = entries('eventlog').filter(isAgile);
    assert.ok(logs.length > 50);
    for (const { path } of logs) {
      const { exit, out } = await appraise(path, await baselineOf(path));
      assert.equal(exit, EXIT.yes, `${path}: ${out.slice(0, 2_000)}`);
    }
  });

  it('the baseline made from a log refuses what was made of it, but for what never holds still', async () => {
    const accepted: string[] = [];
    let refused = 0;
    for (const { path, expected } of entries('eventlog-derived')) {
      const { changedPcrs } = expected;
      if (changedPcrs === null || changedPcrs === undefined || changedPcrs.length === 0) continue;
      const original = path.replace('eventlogs-derived/', 'eventlogs/').replace(/--.*\./u, '.');
      const agile = entries('eventlog').filter(isAgile);
      if (!agile.some((one) => one.path === original)) continue;
      const { exit } = await appraise(path, await baselineOf(original));
      if (exit === EXIT.yes) accepted.push(path);
      else refused += 1;
      assert.ok(exit === EXIT.yes || exit === EXIT.no, path);
    }
    assert.ok(refused > accepted.length);
    // A boot variable was taken out of them: where else a machine might boot from is observed.
    assert.deepEqual(accepted, [
      'eventlogs-derived/ibmtss-hp1--event-removed.bin',
      'eventlogs-derived/tpm2tools-event-sd-boot-fedora37--event-removed.bin',
    ]);
  });

  it('the baseline of boots/a-sb-on accepts the same boot again, on either TPM', async () => {
    const baseline = await baselineOf('boots/a-sb-on/binary_bios_measurements');
    for (const boot of ['a-sb-on', 'a2-sb-on-again', 'k-tis']) {
      const { exit } = await appraise(`boots/${boot}/binary_bios_measurements`, baseline);
      assert.equal(exit, EXIT.yes, boot);
    }
  });

  for (const [boot, pcrs] of Object.entries(OTHERS)) {
    it(`the baseline of boots/a-sb-on refuses ${boot}, and names the events`, async () => {
      const baseline = await baselineOf('boots/a-sb-on/binary_bios_measurements');
      const { exit, out } = await appraise(`boots/${boot}/binary_bios_measurements`, baseline);
      assert.equal(exit, EXIT.no);
      const { findings } = JSON.parse(out) as Report;
      const named = findings.flatMap(({ effect, event }) =>
        effect === 'enforce' && event !== undefined ? [event.pcr] : [],
      );
      assert.deepEqual(
        [...new Set(named)].toSorted((a, b) => a - b),
        [...pcrs],
      );
    });
  }

  it('the baseline of boots/a-sb-on refuses b-sb-off, whose log has no bytes', async () => {
    const baseline = await baselineOf('boots/a-sb-on/binary_bios_measurements');
    const { exit, out } = await appraise('boots/b-sb-off/binary_bios_measurements', baseline);
    assert.equal(exit, EXIT.no);
    const codes = (JSON.parse(out) as Report).findings.map(({ code }) => code);
    assert.ok(codes.includes('LOG_MISSING'));
  });
});
