import {
  entryAt,
  hasOwnDigest,
  IMA_PCR,
  type ImaCursor,
  type ImaEntry,
} from '@touchstone/eventlog';
import type { ImaProgress } from '@touchstone/schemas';
import type { PcrValues } from '@touchstone/tpm';
import { BOOT_AGGREGATE, checkBootAggregate } from './boot-aggregate.ts';
import { nameOf, pathOf, textOf } from './entry-name.ts';
import { bufferText, digestText, nearestTo, wantedAt } from './ima-explanations.ts';
import { ImaFindings } from './ima-findings.ts';
import type { ImaDocument } from './ima-segment.ts';
import { type FileSignature, ImaSigners } from './ima-signers.ts';
import { judging, JudgingPolicies, type JudgingPolicy } from './judging-policies.ts';
import { isBuffer, isRetyped, isToldByPlace } from './measured-template.ts';

export type ImaJudging = {
  readonly policies: readonly ImaDocument[];
  /** Documents that are not active: for explanations alone. */
  readonly known: readonly ImaDocument[];
  readonly pcrs: PcrValues;
};

/** Of one file. */
const MAX_TOLD_VIOLATIONS = 8;

/**
 * Judges entries one after another, beginning where an earlier segment ended, while a quote is looked for that
 * vouches for them: without one its results are worth nothing. What is listed is passed by a look into a table;
 * all else is looked at closely.
 */
export class ImaEntriesJudge {
  readonly #policies: JudgingPolicies;
  readonly #known: readonly JudgingPolicy[];
  readonly #pcrs: PcrValues;
  readonly #signers: ImaSigners;
  readonly #findings: ImaFindings;
  readonly #firstEntry: number;
  #bootAggregates: number;
  #violations: number;
  #unjudged: number;

  constructor({ policies, known, pcrs }: ImaJudging, before: ImaProgress | undefined) {
    this.#policies = new JudgingPolicies(policies);
    this.#known = known.map(judging);
    this.#pcrs = pcrs;
    this.#signers = new ImaSigners(this.#policies, before?.keys);
    this.#findings = new ImaFindings(before);
    this.#firstEntry = before?.entries ?? 0;
    this.#bootAggregates = before?.bootAggregates ?? 0;
    this.#violations = before?.violations ?? 0;
    this.#unjudged = before?.unjudged ?? 0;
  }

  /** `data`: what the entry's digests are of. */
  judge(cursor: ImaCursor, data: Uint8Array): void {
    const first = this.#firstEntry + cursor.index === 0;
    if (first && (cursor.pcr !== IMA_PCR || cursor.violation)) {
      this.#beginsOtherwise(entryAt(cursor));
    }
    if (cursor.pcr !== IMA_PCR) return this.#ofOtherPcr(cursor);
    if (cursor.violation) return this.#violation(entryAt(cursor));
    if (!hasOwnDigest(cursor, data)) this.#misdigested(entryAt(cursor));
    if (isRetyped(cursor)) return this.#retyped(entryAt(cursor));
    if (!first && this.#policies.isListed(cursor)) return;
    const entry = entryAt(cursor);
    const name = nameOf(entry);
    if (first || name === BOOT_AGGREGATE) return this.#bootAggregate(entry, name, first);
    const told = isToldByPlace(cursor);
    if (this.#policies.none || (told && this.#policies.isExcluded(pathOf(name)))) {
      this.#unjudged += 1;
    } else if (isBuffer(entry)) this.#buffer(entry, name);
    else this.#file(entry, name, told);
  }

  /** What is kept of all that was judged. */
  get results(): Pick<
    ImaProgress,
    'bootAggregates' | 'violations' | 'unjudged' | 'findings' | 'findingsOmitted' | 'worst' | 'keys'
  > {
    const { kept: findings, omitted: findingsOmitted, worst } = this.#findings;
    return {
      bootAggregates: this.#bootAggregates,
      violations: this.#violations,
      unjudged: this.#unjudged,
      ...{ findings, findingsOmitted, ...(worst === undefined ? {} : { worst }) },
      keys: this.#signers.learnt,
    };
  }

  #ofOtherPcr({ pcr, index }: ImaCursor): void {
    this.#unjudged += 1;
    if (this.#policies.none) return;
    const details = () => ({
      expected: `PCR ${IMA_PCR}`,
      actual: `first entry ${this.#place(index)}`,
    });
    this.#findings.add('IMA_OTHER_PCR', this.#policies.strictest('mode'), `PCR ${pcr}`, details);
  }

  /** Nothing that the entry says is under a digest, its name neither: no pattern of paths excuses it. */
  #violation(entry: ImaEntry): void {
    this.#violations += 1;
    if (this.#policies.none) {
      this.#unjudged += 1;
      return;
    }
    const details = () => ({
      expected: 'a file that nobody writes to while it is used',
      actual: `open for writing when it was measured, or opened for writing while it was in use (entry ${this.#place(entry.index)})`,
      event: this.#event(entry),
    });
    const effect = this.#policies.strictest('violations');
    this.#findings.add('IMA_VIOLATION', effect, textOf(entry), details, MAX_TOLD_VIOLATIONS);
  }

  #misdigested(entry: ImaEntry): void {
    this.#findings.add('IMA_TEMPLATE_HASH_MISMATCH', 'enforce', textOf(entry), () => ({
      actual: Buffer.from(entry.templateDigest).toString('hex'),
      event: this.#event(entry),
    }));
  }

  #retyped(entry: ImaEntry): void {
    this.#findings.add(
      'IMA_TEMPLATE_RETYPED',
      'enforce',
      `entry ${this.#place(entry.index)}`,
      () => ({
        ...{ expected: 'a template that begins with a digest and a name', actual: entry.template },
        event: this.#event(entry),
      }),
    );
  }

  #beginsOtherwise(entry: ImaEntry): void {
    this.#findings.add('IMA_BOOT_AGGREGATE', 'enforce', BOOT_AGGREGATE, () => ({
      ...{ expected: 'the first entry', actual: textOf(entry), event: this.#event(entry) },
    }));
  }

  #bootAggregate(entry: ImaEntry, name: string, first: boolean): void {
    if (name !== BOOT_AGGREGATE || entry.digest === undefined) return this.#beginsOtherwise(entry);
    const event = this.#event(entry);
    this.#bootAggregates += 1;
    if (!first) return;
    const { digest } = entry;
    const actual = digestText(digest);
    switch (checkBootAggregate(digest, this.#pcrs)) {
      case 'fits':
        return;
      case 'differs':
        this.#findings.add('IMA_BOOT_AGGREGATE', 'enforce', BOOT_AGGREGATE, () => ({
          ...{ expected: 'the hash of the quoted PCRs 0 to 7, or 0 to 9', actual, event },
        }));
        return;
      case 'unproven': {
        if (this.#policies.none) return;
        const effect = this.#policies.strictest('bootAggregate');
        const expected = `PCRs 0 to 9 of the bank ${digest.algorithm}`;
        this.#findings.add('IMA_BOOT_AGGREGATE_UNPROVEN', effect, BOOT_AGGREGATE, () => ({
          ...{ expected, actual, event },
        }));
      }
    }
  }

  #file(entry: ImaEntry, name: string, told: boolean): void {
    const signature = this.#signers.signatureOf(entry);
    if (told && signature === 'good') return;
    const wanted = wantedAt(this.#policies.all, pathOf(name));
    const listed = wanted.effect !== undefined;
    const effect = wanted.effect ?? this.#policies.unlisted(told);
    const code = listed
      ? 'IMA_FILE_DIFFERS'
      : signature === 'bad'
        ? 'IMA_SIGNATURE_BAD'
        : 'IMA_FILE_UNKNOWN';
    this.#findings.add(code, effect, textOf(entry), () => ({
      expected: listed ? wanted.expected : 'only what a baseline lists',
      actual: `${digestText(entry.digest)}${SIGNED[signature]}`,
      nearest: wanted.nearest ?? nearestTo(this.#policies.all, this.#known, entry.digest),
      event: this.#event(entry),
    }));
  }

  /** Data of the kernel's own: a key that was loaded, or something that no policy lists. */
  #buffer(entry: ImaEntry, name: string): void {
    const bytes = entry.buffer ?? new Uint8Array();
    const keyrings = this.#policies.keyringsOf(name);
    const isKey = keyrings.length > 0 || name.startsWith('.') || name.startsWith('_');
    if (isKey && this.#signers.admits(name, bytes)) return;
    const code = isKey ? 'IMA_KEY_UNKNOWN' : 'IMA_BUFFER_UNKNOWN';
    // A path that policies name is theirs, whatever the list calls what was measured there.
    const { effect = this.#policies.strictest('unlisted') } = wantedAt(
      this.#policies.all,
      pathOf(name),
    );
    this.#findings.add(code, effect, textOf(entry), () => ({
      expected: isKey ? 'only keys that a baseline allows' : 'only what a baseline lists',
      actual: `${digestText(entry.digest)}, ${bufferText(bytes, isKey)}`,
      event: this.#event(entry),
    }));
  }

  #place(index: number): number {
    return this.#firstEntry + index;
  }

  #event(entry: ImaEntry) {
    const { index, pcr, template: type } = entry;
    return { index: this.#place(index), pcr, type, name: textOf(entry) };
  }
}

const SIGNED = {
  good: '',
  none: '',
  bad: ', its signature is not valid',
  other: ', its signature is of no form that is read here',
  unknown: ', signed by a key of no keyring',
  unread: ', its signature was not looked at: too many are',
} as const satisfies Record<FileSignature, string>;
