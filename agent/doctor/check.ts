import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentCheck } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { AGENT_CODES, type AgentCode, detailOf, isTpmError } from '../codes.ts';

export const ok = (subject: string, detail: string): AgentCheck => ({
  code: 'OK',
  subject,
  outcome: 'ok',
  detail: detail.slice(0, 1_024),
  remedy: null,
});

export const warning = (code: AgentCode, subject: string, detail: string): AgentCheck =>
  found(code, 'warning', subject, detail);

export const fault = (code: AgentCode, subject: string, detail: string): AgentCheck =>
  found(code, 'fault', subject, detail);

function found(
  code: AgentCode,
  outcome: AgentCheck['outcome'],
  subject: string,
  detail: string,
): AgentCheck {
  const { title, remedy } = AGENT_CODES[code];
  return { code, subject, outcome, detail: `${title}: ${detail}`.slice(0, 1_024), remedy };
}

/** What an operation failed with, under its own code where it has one. */
export function failure(
  subject: string,
  error: unknown,
  outcome: AgentCheck['outcome'] = 'fault',
): AgentCheck {
  const coded = error instanceof AppError || isTpmError(error);
  if (!coded) return found('CHECK_FAILED', outcome, subject, detailOf(error));
  const detail = `${error.title}: ${detailOf(error)}`.slice(0, 1_024);
  const remedy = error.remedy ?? AGENT_CODES.CHECK_FAILED.remedy;
  return { code: error.code, subject, outcome, detail, remedy };
}

/** What a group of checks found within that time; else what is known of it: that it was not looked at. */
export async function bounded(
  subject: string,
  timeoutMs: number,
  look: () => Promise<readonly AgentCheck[]>,
): Promise<readonly AgentCheck[]> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(
    () => [fault('CHECK_FAILED', subject, `not done after ${timeoutMs / 1_000} s`)],
    () => [],
  );
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    return [failure(subject, error)];
  } finally {
    timer.abort();
  }
}
