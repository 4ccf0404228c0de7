import { readFileSync, writeFileSync } from 'node:fs';

/** How a run ended. Everything that is tried counts once, a test as well as a check. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The file in which a part leaves its counts for whoever started it, who then writes the closing line. */
export const COUNTS_FILE = 'TOUCHSTONE_COUNTS';

function writeCounts(file: string, { passed, failed, skipped }: Counts): void {
  writeFileSync(file, JSON.stringify({ passed, failed, skipped }));
}

export function readCounts(file: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return undefined;
  }
}

/** Says how it ended: to whoever started this part, or else as the closing line. Returns the exit code. */
export function close(counts: Counts): 0 | 1 {
  const file = process.env[COUNTS_FILE];
  if (file) writeCounts(file, counts);
  else console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}
