import { createHash } from 'node:crypto';
import type { ReportedExposure } from '@touchstone/schemas';
import type { WATCH_CODES } from './codes.ts';

/** One exposure as a look found it. What has the same `key` at the next look is the same, whatever its detail says. */
export type FoundExposure = {
  readonly code: keyof typeof WATCH_CODES;
  readonly subject: string;
  readonly detail: string;
  readonly vm: string | null;
};

const keyOf = ({ code, subject, vm }: FoundExposure): string =>
  createHash('sha256')
    .update(JSON.stringify([code, subject, vm]))
    .digest('base64url');

/** Text from a process or a file, for a line of the report. */
export const cleaned = (text: string, maxLength: number): string => {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu, ' ').trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).toWellFormed()}…`;
};

/** The exposures of a host over time: each by who finds it, as long as he says so, and with when it was first seen. */
export class Exposures {
  readonly #found = new Map<string, readonly FoundExposure[]>();
  #current: ReadonlyMap<string, ReportedExposure> = new Map();

  /** What somebody finds now takes the place of what he found before. Gives those that are new. */
  tell(who: string, found: readonly FoundExposure[], now: string): readonly ReportedExposure[] {
    this.#found.set(who, found);
    const next = new Map<string, ReportedExposure>();
    const news: ReportedExposure[] = [];
    for (const exposure of [...this.#found.values()].flat()) {
      const key = keyOf(exposure);
      const before = this.#current.get(key);
      const told = {
        code: exposure.code,
        subject: cleaned(exposure.subject, 256),
        detail: cleaned(exposure.detail, 512),
        vm: exposure.vm,
        since: before?.since ?? now,
      };
      if (before === undefined && !next.has(key)) news.push(told);
      next.set(key, told);
    }
    this.#current = next;
    return news;
  }

  get all(): readonly ReportedExposure[] {
    return [...this.#current.values()];
  }
}
