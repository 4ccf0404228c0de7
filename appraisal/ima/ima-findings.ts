import type { Finding, FindingEffect, ImaProgress } from '@touchstone/schemas';
import { finding, type FindingDetails } from '../finding.ts';
import { lineOfText } from '../line-of-text.ts';
import type { ReasonCode } from '../reasons.ts';

/** As many as a progress holds. */
const MAX_KEPT = 64;
const RANK = { enforce: 0, warn: 1, observe: 2 } as const;

type Details = Omit<FindingDetails, 'subject' | 'effect'>;

/**
 * What a list shows, one finding a file and reason, in bounded memory: what enforces takes the place of what
 * does not. Those that have no place any more are counted, and count.
 */
export class ImaFindings {
  readonly #kept = new Map<string, Finding>();
  #omitted: number;
  #worst: FindingEffect | undefined;

  constructor(before: ImaProgress | undefined) {
    for (const one of before?.findings ?? []) this.#kept.set(`${one.code} ${one.subject}`, one);
    this.#omitted = before?.findingsOmitted ?? 0;
    this.#worst = before?.worst;
  }

  /** `details` is asked only for one that is kept. */
  add(code: ReasonCode, effect: FindingEffect, subject: string, details: () => Details): void {
    if (this.#worst === undefined || RANK[effect] < RANK[this.#worst]) this.#worst = effect;
    const key = `${code} ${lineOfText(subject, MAX_SUBJECT)}`;
    if (this.#kept.has(key)) return;
    if (this.#kept.size >= MAX_KEPT) {
      this.#omitted += 1;
      const milder = [...this.#kept].findLast(([, one]) => RANK[one.effect] > RANK[effect]);
      if (milder === undefined) return;
      this.#kept.delete(milder[0]);
    }
    this.#kept.set(key, finding(code, { ...details(), subject, effect }));
  }

  get kept(): Finding[] {
    return [...this.#kept.values()];
  }
  get omitted(): number {
    return this.#omitted;
  }
  /** Of all, those that were omitted too. */
  get worst(): FindingEffect | undefined {
    return this.#worst;
  }
}

/** As `finding` cuts it. */
const MAX_SUBJECT = 1_200;
