import type { Problem } from '@touchstone/schemas';
import { AppError, ProblemError, problemOf } from '@touchstone/transport';
import { CLI_CODES, CliError } from './codes.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { MalformedFile } from './inspect/malformed-file.ts';

export type Failure = {
  readonly exit: ExitCode;
  readonly problem: ShownProblem;
  /** What --json prints on standard output: that a file is malformed is an answer too. */
  readonly answer?: unknown;
};

/** What is said about a failure: the server's problem, or one of the same parts. */
export type ShownProblem = Pick<Problem, 'code' | 'title'> &
  Partial<Pick<Problem, 'status' | 'detail' | 'field' | 'remedy' | 'findings'>>;

export function failureOf(error: unknown): Failure {
  if (error instanceof ProblemError) {
    return { exit: exitOfStatus(error.problem.status), problem: error.problem };
  }
  if (error instanceof AppError) {
    // Nobody answered who is the server: closed, silent, of another key, or not speaking our language.
    const { status: _, ...problem } = problemOf(error);
    return { exit: EXIT.unavailable, problem };
  }
  if (error instanceof CliError) {
    const { title, remedy, exit } = CLI_CODES[error.code];
    const detail = error.detail === undefined ? {} : { detail: error.detail };
    return { exit, problem: { code: error.code, title, ...detail, remedy } };
  }
  if (error instanceof MalformedFile) return malformed(error);
  return { exit: EXIT.bug, problem: bugOf(error) };
}

function malformed({ code, field, offset, said, file }: MalformedFile): Failure {
  const place = `${field} at byte ${offset}`;
  const detail = file === undefined ? place : `${file}: ${place}`;
  return {
    exit: EXIT.malformed,
    problem: { code, title: said.title, detail, remedy: said.remedy },
    answer: { error: { code, field, offset, ...(file === undefined ? {} : { file }) } },
  };
}

function exitOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notPermitted;
  if (status === 400 || status === 413 || status === 415 || status === 422) return EXIT.malformed;
  if (status === 404 || status === 405) return EXIT.no;
  if (status === 408 || status === 429) return EXIT.unavailable;
  if (status === 500) return EXIT.bug;
  return status > 500 ? EXIT.unavailable : EXIT.no;
}

const bugOf = (error: unknown): ShownProblem => ({
  code: 'BUG',
  title: 'This command failed for a reason of its own',
  detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  remedy: 'Please report it, with what you ran and this message.',
});
