import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type RunCliOptions } from '../../index.ts';

export const TOKEN = `tst_${'s3cret'.repeat(7)}x`;
const NOW = new Date('2026-11-22T12:00:00Z');

export type Ran = { readonly exit: number; readonly out: string; readonly err: string };

/** Somebody at a terminal of their own, with a home of their own. */
export type Operator = {
  readonly home: string;
  run(argv: readonly string[], overrides?: Overrides): Promise<Ran>;
  leave(): void;
};

type Overrides = Partial<Pick<RunCliOptions, 'env' | 'connect'>> & {
  readonly input?: string;
  readonly tty?: boolean;
  readonly columns?: number;
};

/** `now` is the same for every test, but for those that show what was made by the clock of the machine. */
export function newOperator({ now = () => NOW } = {}): Operator {
  const home = mkdtempSync(join(tmpdir(), 'touchstone-cli-'));
  return {
    home,
    run: async (argv, { input = '', tty = false, columns, env = {}, connect } = {}) => {
      let [out, err] = ['', ''];
      const exit = await runCli({
        argv,
        stdout: { write: (text) => (out += text), isTTY: tty, columns },
        stderr: { write: (text) => (err += text), isTTY: tty, columns },
        stdin: only(input),
        env,
        configHome: home,
        now,
        ...(connect === undefined ? {} : { connect }),
      });
      return { exit, out, err };
    },
    leave: () => rmSync(home, { recursive: true }),
  };
}

async function* only(text: string) {
  yield text;
}
