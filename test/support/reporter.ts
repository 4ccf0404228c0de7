import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import { unrecorded } from './attack.ts';
import { CASES_FILE } from './cases-file.ts';
import { close } from './counts.ts';
import { maySkip } from './skips.ts';

const { EVENT_RUN_END, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/** How long the process may live on after the last test, with something left open. */
const LEFT_OPEN_MS = 10_000;

/**
 * Mocha's spec reporter, and what a whole run must keep besides:
 *
 * - a skipped test that test/skips.json does not name is a failure;
 * - which adversarial cases have no record is left to whoever started it: others may record them;
 * - so is a process that does not end: something was left open;
 * - the last line is the closing line, `N passed, N failed, N skipped`, unless somebody else writes it.
 */
class Reporter extends Mocha.reporters.Spec {
  readonly #broken: string[] = [];

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(EVENT_TEST_PENDING, (test) => {
      if (maySkip(test.fullTitle())) return;
      this.#broken.push(`skipped, and test/skips.json does not name it: ${test.fullTitle()}`);
    });
    runner.once(EVENT_RUN_END, () => {
      const file = process.env[CASES_FILE];
      if (file) writeFileSync(file, JSON.stringify(unrecorded()));
    });
  }

  override done(failures: number, end?: (failures: number) => void): void {
    for (const line of this.#broken) console.log(line);
    const counts = {
      passed: this.stats.passes,
      failed: failures + this.#broken.length,
      skipped: this.stats.pending,
    };
    close(counts);
    setTimeout(() => {
      console.log(`the tests are over, and still open: ${process.getActiveResourcesInfo().join()}`);
      // oxlint-disable-next-line unicorn/no-process-exit -- nothing else ends a process that hangs
      process.exit(close({ ...counts, failed: counts.failed + 1 }));
    }, LEFT_OPEN_MS).unref();
    end?.(counts.failed);
  }
}

// oxlint-disable-next-line import/no-default-export -- mocha takes nothing else from a module
export { Reporter as default };
