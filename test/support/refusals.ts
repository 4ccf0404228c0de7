import type { PermitsAnswer } from '@touchstone/schemas';
import { ProblemError } from '@touchstone/transport';

/** The literal code of whatever the promise rejects with; fails the test when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      return error.code;
    throw error;
  }
  throw new Error('it was accepted');
}

/** The codes of all findings that a request is refused with. */
export async function findingCodes(request: Promise<unknown>): Promise<string[]> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ProblemError)
      return (error.problem.findings ?? []).map(({ code }) => code);
    throw error;
  }
  throw new Error('it was accepted');
}

export function permitOf(answer: PermitsAnswer | undefined): string | undefined {
  const [first] = answer?.answers ?? [];
  return first !== undefined && 'permit' in first ? first.permit : undefined;
}

/** Why the one request was refused a permit. */
export function refusalOf(answer: PermitsAnswer): { code: string; codes: string[] } {
  const [first] = answer.answers;
  if (first === undefined || !('refusal' in first)) throw new Error('it was permitted');
  const { code, findings } = first.refusal;
  return { code, codes: findings.map((finding) => finding.code) };
}
