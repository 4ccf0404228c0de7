import { readFileSync } from 'node:fs';

/** One reason to skip, and the full titles of the tests that may be skipped for it. */
interface Skips {
  readonly why: string;
  readonly tests: readonly string[];
}

const skips = JSON.parse(
  readFileSync(new URL('../skips.json', import.meta.url), 'utf8'),
) as readonly Skips[];

/** Whether test/skips.json names this test, by the titles of all its suites and its own. */
export function maySkip(fullTitle: string): boolean {
  return skips.some(({ tests }) => tests.includes(fullTitle));
}
