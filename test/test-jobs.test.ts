import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { allJobs } from './support/test-jobs.ts';

const house = fileURLToPath(new URL('..', import.meta.url));

describe('The jobs of a test run', () => {
  const jobs = allJobs(house);
  const names = jobs.map(({ name }) => name);

  it('have every test file, each once', () => {
    const files = globSync(['*/test/**/*.test.ts', 'test/**/*.test.ts'], { cwd: house });
    assert.deepEqual(jobs.flatMap((job) => job.files).toSorted(), [...new Set(files)].toSorted());
  });

  it('begin the longest first, whatever the size of its file: none is left over at the end', () => {
    const crossing = names.filter((name) => name.includes('/'));
    assert.deepEqual(crossing.slice(0, 3).toSorted(), [
      'test/bench.test.ts',
      'test/e2e/demo.test.ts',
      'test/fuzz/test/fuzz.test.ts',
    ]);
  });
});
