import type { Finding, FindingEffect, ImaProgress } from '@touchstone/schemas';
import { stricter, strictestFirst } from '../comparison/stricter.ts';
import { finding, type FindingDetails } from '../finding.ts';
import { lineOfText } from '../line-of-text.ts';
import type { ReasonCode } from '../reasons.ts';

/** As many as a progress holds. */
const MAX_KEPT = 64;

type Details = Omit<FindingDetails, 'subject' | 'effect'>;

/**
 * What a list shows, one finding a file and reason, in bounded memory: what enforces takes the place of what
 * does not. Those that have no place any more are counted, and count.
 */
export class ImaFindings {
  readonly #kept: Finding[];
  #omitted: number;
  #worst: FindingEffect | undefined;

  constructor(before: ImaProgress | undefined) {
    this.#kept = [...(before?.findings ?? [])];
    this.#omitted = before?.findingsOmitted ?? 0;
    this.#worst = before?.worst;
  }

  /**
   * `details` is asked only for one that is kept. `times`: as many of one reason may be told of one file, each
   * of an entry of its own.
   */
  add(
    code: ReasonCode,
    effect: FindingEffect,
    subject: string,
    details: () => Details,
    times = 1,
  ): void {
    this.#worst = this.#worst === undefined ? effect : stricter(this.#worst, effect);
    const safe = lineOfText(subject, MAX_SUBJECT);
    let told = 0;
    for (const one of this.#kept) if (one.code === code && one.subject === safe) told += 1;
    if (told >= times) return;
    if (this.#kept.length >= MAX_KEPT) {
      this.#omitted += 1;
      const milder = this.#kept.findLastIndex((one) => strictestFirst(one.effect, effect) > 0);
      if (milder < 0) return;
      this.#kept.splice(milder, 1);
    }
    this.#kept.push(finding(code, { ...details(), subject, effect }));
  }

  get kept(): Finding[] {
    return [...this.#kept];
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
