import assert from 'node:assert/strict';
import { type Finding, runCampaign } from '../campaign.ts';
import { inputsOf } from '../inputs.ts';
import { TARGETS } from '../targets/all.ts';

const FAULTY = new URL('faulty.ts', import.meta.url);
const REAL = new URL('../targets/all.ts', import.meta.url);
const options = (module: URL, hangMs: number) => ({ module, hangMs, onProgress: () => {} });
/** Beyond what a busy machine takes for any input. */
const LONG_MS = 80_000;

describe('npm run fuzz', () => {
  for (const [target, kind, detail] of [
    ['crashes', 'crash', /TypeError/u],
    ['changes', 'changed', /^000102/u],
    ['hangs', 'hang', /for one input/u],
    ['believes-a-length', 'allocation', /bytes for 29/u],
    ['believes-a-count', 'allocation', /bytes of heap for 29/u],
    ['takes-all-memory', 'death', /memory/u],
  ] as const) {
    it(`reports a parser that ${target.replaceAll('-', ' ')}: ${kind}`, async () => {
      const outcome = await runCampaign(
        { target, run: 1, count: 200 },
        options(FAULTY, kind === 'hang' ? 3_000 : LONG_MS),
      );
      const [finding] = outcome.findings as [Finding, ...Finding[]];
      assert.equal(finding?.kind, kind);
      assert.match(finding.detail, detail);
    });
  }

  it('does not lay at the door of an input what a parser makes once', async () => {
    const campaign = { target: 'makes-much-once', run: 1, count: 200 };
    const { tried, findings } = await runCampaign(campaign, options(FAULTY, LONG_MS));
    assert.deepEqual({ tried, findings }, { tried: 200, findings: [] });
  });

  it('makes the same inputs again from the number of the run, and others from another', () => {
    const seeds = TARGETS[0]?.seeds() ?? [];
    const all = (run: number) =>
      [...inputsOf(seeds, { run, count: 500 })].map((bytes) => Buffer.from(bytes).toString('hex'));
    assert.equal(all(1).length, 500);
    assert.deepEqual(all(1), all(1));
    assert.notDeepEqual(all(1), all(2));
  });

  for (const { name } of TARGETS) {
    it(`finds nothing in a short run over ${name}`, async () => {
      const { tried, findings } = await runCampaign(
        { target: name, run: 20_261_122, count: 600 },
        options(REAL, LONG_MS),
      );
      assert.deepEqual(findings, []);
      assert.equal(tried, 600);
    });
  }
});
