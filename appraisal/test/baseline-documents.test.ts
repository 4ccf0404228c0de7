import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatBaseline, parseBaselines } from '../index.ts';

const PAGE = readFileSync(new URL('../../docs/baselines.md', import.meta.url), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n([^]*?)^```$/gmu)].map(([, yaml = '']) => yaml);

describe('docs/baselines.md', () => {
  it('has examples of every part but runtime and host', () => {
    const parts = EXAMPLES.flatMap(parseBaselines).map(({ part }) => part);
    assert.deepEqual(parts, ['bootChain', 'secureBoot', 'firmware', 'commandLine', 'firmware']);
  });

  for (const yaml of EXAMPLES) {
    const [baseline] = parseBaselines(yaml);
    assert.ok(baseline);
    it(`shows a ${baseline.part} document that is one, and reads back as it is written`, () => {
      assert.deepEqual(parseBaselines(formatBaseline(baseline)), [baseline]);
    });
  }
});
