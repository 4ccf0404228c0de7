import { AppError, ProblemError } from '@touchstone/transport';

/** Nobody answered. An unknown TLS key is as good as nobody: it says nothing of this host. */
const NOBODY = new Set(['UNREACHABLE', 'TIMEOUT', 'PIN_MISMATCH']);

const isAway = (error: unknown): boolean =>
  error instanceof AppError && !(error instanceof ProblemError) && NOBODY.has(error.code);

/** Whether an answer was waited for as long as anybody waits, so that others who wait already wait in vain. */
export const isTooLate = (error: unknown): boolean =>
  isAway(error) && error instanceof AppError && error.code === 'TIMEOUT';

/** What the server could not finish, and holds against this host all the same. */
const HELD_AGAINST_US = new Set(['EVIDENCE_UNSETTLED']);

/**
 * Whether no verdict could be had: nobody answered, or the server could not do its work. Everything else is an answer,
 * and a bad one is no better than none.
 */
export const isWithoutVerdict = (error: unknown): boolean =>
  isAway(error) ||
  (error instanceof ProblemError && error.status >= 500 && !HELD_AGAINST_US.has(error.code));

/** Answers after which nothing was decided about this host: the agent asks again. */
const UNDECIDED = new Set([
  'EVIDENCE_SUPERSEDED',
  'CHALLENGE_EXPIRED',
  'IMA_LIST_CONTINUES',
  'IMA_LIST_ELSEWHERE',
]);
const TOO_MANY_REQUESTS = 429;

/** Whether the server answered, and took this host's evidence for none. */
export const isRefusal = (error: unknown): error is ProblemError =>
  error instanceof ProblemError &&
  (HELD_AGAINST_US.has(error.code) ||
    (error.status >= 400 &&
      error.status < 500 &&
      error.status !== TOO_MANY_REQUESTS &&
      !UNDECIDED.has(error.code)));
