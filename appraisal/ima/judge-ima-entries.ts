import {
  entryAt,
  hasOwnDigest,
  IMA_PCR,
  type ImaCursor,
  type ImaEntry,
} from '@touchstone/eventlog';
import type { FindingEffect, ImaLearntKey, ImaProgress } from '@touchstone/schemas';
import type { PcrValues } from '@touchstone/tpm';
import { stricter } from '../comparison/stricter.ts';
import { BOOT_AGGREGATE, checkBootAggregate } from './boot-aggregate.ts';
import { type CompiledImaPolicy, compileImaPolicy } from './compiled-ima-policy.ts';
import { bufferText, digestText, nearestTo, wantedAt } from './ima-explanations.ts';
import { ImaFindings } from './ima-findings.ts';
import { viewOf } from './ima-file-table.ts';
import { certificateDigest, type ImaKey, imaKeyOf } from './ima-keys.ts';
import type { ImaDocument } from './ima-segment.ts';
import { isBuffer, isRetyped, isToldByPlace } from './measured-template.ts';
import { isBootAggregate, isNamedBySize } from './named-digest.ts';
import { readImaSignature, verifyImaSignature } from './ima-signature.ts';

/** A policy with the name of its document. */
export type JudgingPolicy = { readonly document: string; readonly compiled: CompiledImaPolicy };

export type ImaJudging = {
  readonly policies: readonly ImaDocument[];
  /** Documents that are not active: for explanations alone. */
  readonly known: readonly ImaDocument[];
  readonly pcrs: PcrValues;
};

/** As much as a progress holds. */
const MAX_LEARNT_KEYS = 32;
const MAX_LEARNT_BYTES = 8_192;
/** In one segment. A signature takes some 0.3 ms; files that are listed need none looked at. */
const MAX_SIGNATURES = 16_384;
/** Of one file. */
const MAX_TOLD_VIOLATIONS = 8;
const RANK = { enforce: 0, warn: 1, observe: 2 } as const;

/**
 * Judges entries one after another, beginning where an earlier segment ended, while a quote is looked for that
 * vouches for them: without one its results are worth nothing. What is listed is passed by a look into a table;
 * all else is looked at closely.
 */
export class ImaEntriesJudge {
  readonly #policies: readonly JudgingPolicy[];
  readonly #known: readonly JudgingPolicy[];
  readonly #pcrs: PcrValues;
  readonly #findings: ImaFindings;
  readonly #firstEntry: number;
  readonly #keys: ImaLearntKey[];
  readonly #learnt: ImaKey[];
  #bootAggregates: number;
  #violations: number;
  #unjudged: number;
  #signatures = 0;
  #viewed: Buffer | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor({ policies, known, pcrs }: ImaJudging, before: ImaProgress | undefined) {
    this.#policies = policies.map(judging);
    this.#known = known.map(judging);
    this.#pcrs = pcrs;
    this.#findings = new ImaFindings(before);
    this.#firstEntry = before?.entries ?? 0;
    this.#keys = [...(before?.keys ?? [])];
    this.#learnt = this.#keys.flatMap(({ certificate }) => {
      return imaKeyOf(Buffer.from(certificate, 'base64url')) ?? [];
    });
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
    if (!first && this.#isListed(cursor)) return;
    const entry = entryAt(cursor);
    const name = nameOf(entry);
    if (first || name === BOOT_AGGREGATE) return this.#bootAggregate(entry, name, first);
    const told = isToldByPlace(cursor);
    if (this.#policies.length === 0 || (told && this.#isExcluded(name))) {
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
      keys: this.#keys,
    };
  }

  /** Whether a policy lists this very content at this very path, or anywhere. */
  #isListed(cursor: ImaCursor): boolean {
    const { template, data, fieldStart, fieldEnd } = cursor;
    const { digest, path } = template;
    if (!isToldByPlace(cursor)) return false;
    const digestStart = cursor.digestStart[digest]!;
    const digestEnd = fieldEnd[digest]!;
    const isNamed = isNamedBySize(data, fieldStart[digest]!, digestStart, digestEnd - digestStart);
    if (!isNamed) return false;
    const pathStart = fieldStart[path]!;
    const pathEnd = fieldEnd[path]! - 1;
    // A document that lists one makes no second one good.
    if (isBootAggregate(data, pathStart, pathEnd)) return false;
    const view = this.#viewOf(data);
    for (let at = 0; at < this.#policies.length; at += 1) {
      const { files } = this.#policies[at]!.compiled;
      if (files.has(view, digestStart, digestEnd, pathStart, pathEnd)) return true;
    }
    return false;
  }

  /** One for a whole list of bytes. */
  #viewOf(data: Buffer): DataView {
    if (this.#viewed !== data) [this.#viewed, this.#view] = [data, viewOf(data)];
    return this.#view;
  }

  #ofOtherPcr({ pcr, index }: ImaCursor): void {
    this.#unjudged += 1;
    if (this.#policies.length === 0) return;
    const details = () => ({
      expected: `PCR ${IMA_PCR}`,
      actual: `first entry ${this.#place(index)}`,
    });
    this.#findings.add('IMA_OTHER_PCR', this.#strictest('mode'), `PCR ${pcr}`, details);
  }

  /** Nothing that the entry says is under a digest, its name neither: no pattern of paths excuses it. */
  #violation(entry: ImaEntry): void {
    this.#violations += 1;
    if (this.#policies.length === 0) {
      this.#unjudged += 1;
      return;
    }
    const details = () => ({
      expected: 'a file that nobody writes to while it is used',
      actual: `open for writing when it was measured, or opened for writing while it was in use (entry ${this.#place(entry.index)})`,
      event: this.#event(entry),
    });
    const effect = this.#strictest('violations');
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
        if (this.#policies.length === 0) return;
        const effect = this.#strictest('bootAggregate');
        const expected = `PCRs 0 to 9 of the bank ${digest.algorithm}`;
        this.#findings.add('IMA_BOOT_AGGREGATE_UNPROVEN', effect, BOOT_AGGREGATE, () => ({
          ...{ expected, actual, event },
        }));
      }
    }
  }

  #file(entry: ImaEntry, name: string, told: boolean): void {
    const signature = this.#signed(entry);
    if (told && signature === 'good') return;
    const wanted = wantedAt(this.#policies, pathOf(name));
    const listed = wanted.effect !== undefined;
    const effect = wanted.effect ?? this.#unlisted(told);
    const code = listed
      ? 'IMA_FILE_DIFFERS'
      : signature === 'bad'
        ? 'IMA_SIGNATURE_BAD'
        : 'IMA_FILE_UNKNOWN';
    this.#findings.add(code, effect, textOf(entry), () => ({
      expected: listed ? wanted.expected : 'only what a baseline lists',
      actual: `${digestText(entry.digest)}${SIGNED[signature]}`,
      nearest: wanted.nearest ?? nearestTo(this.#policies, this.#known, entry.digest),
      event: this.#event(entry),
    }));
  }

  /** Whether a key of a policy, or one that was learnt, signed the file. */
  #signed({ digest, signature: xattr }: ImaEntry): keyof typeof SIGNED {
    const signature = xattr === undefined ? undefined : readImaSignature(xattr);
    if (signature === undefined || digest === undefined) return xattr?.length ? 'other' : 'none';
    const keys = [
      ...this.#policies.flatMap(({ compiled }) => compiled.keys.get(signature.keyId) ?? []),
      ...this.#learnt.filter(({ keyId }) => keyId === signature.keyId),
    ];
    if (keys.length === 0) return 'unknown';
    this.#signatures += 1;
    if (this.#signatures > MAX_SIGNATURES) return 'unread';
    return keys.some(({ key }) => verifyImaSignature(signature, digest, key)) ? 'good' : 'bad';
  }

  /** Data of the kernel's own: a key that was loaded, or something that no policy lists. */
  #buffer(entry: ImaEntry, name: string): void {
    const keyrings = this.#policies.flatMap(({ compiled }) => compiled.keyrings.get(name) ?? []);
    const bytes = entry.buffer ?? new Uint8Array();
    const isKey = keyrings.length > 0 || name.startsWith('.') || name.startsWith('_');
    if (isKey) {
      const digest = certificateDigest(bytes);
      const allowed = keyrings.some((keyring) => keyring.allowed.has(digest));
      const taken = keyrings.some(({ learn }) => learn === 'any');
      if ((allowed && keyrings.some(({ learn }) => learn !== undefined)) || taken) {
        this.#learn(name, bytes);
      }
      if (allowed || taken) return;
    }
    const code = isKey ? 'IMA_KEY_UNKNOWN' : 'IMA_BUFFER_UNKNOWN';
    // A path that policies name is theirs, whatever the list calls what was measured there.
    const { effect = this.#strictest('unlisted') } = wantedAt(this.#policies, pathOf(name));
    this.#findings.add(code, effect, textOf(entry), () => ({
      expected: isKey ? 'only keys that a baseline allows' : 'only what a baseline lists',
      actual: `${digestText(entry.digest)}, ${bufferText(bytes, isKey)}`,
      event: this.#event(entry),
    }));
  }

  #learn(keyring: string, der: Uint8Array): void {
    const certificate = Buffer.from(der).toString('base64url');
    const known = this.#keys.some((one) => one.certificate === certificate);
    const key = imaKeyOf(der);
    const fits = this.#keys.length < MAX_LEARNT_KEYS && der.length <= MAX_LEARNT_BYTES;
    if (known || key === undefined || !fits) return;
    this.#keys.push({ keyring, certificate });
    this.#learnt.push(key);
  }

  #isExcluded(name: string): boolean {
    const path = pathOf(name);
    return this.#policies.some(({ compiled }) =>
      compiled.exclude.some((glob) => glob.matches(path)),
    );
  }

  #strictest(of: 'mode' | 'unlisted' | 'violations' | 'bootAggregate'): FindingEffect {
    const [first = 'enforce', ...more] = this.#policies.map(({ compiled }) => compiled[of]);
    return more.reduce((strict, one) => (RANK[one] < RANK[strict] ? one : strict), first);
  }

  /** What a file does that no policy names; where nothing tells its name, it may be one that a policy does. */
  #unlisted(told: boolean): FindingEffect {
    const effect = this.#strictest('unlisted');
    return told ? effect : stricter(effect, this.#strictest('mode'));
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
} as const;

const judging = ({ document, policy }: ImaDocument): JudgingPolicy => ({
  document,
  compiled: compileImaPolicy(policy),
});

/** The name's bytes, one a character. */
const nameOf = ({ name }: ImaEntry): string =>
  name === undefined ? '' : Buffer.from(name).toString('latin1');

/** Policies are of characters, and a name's bytes may be of UTF-8. */
const pathOf = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');

/** The same for people; what is no UTF-8 is replaced. */
const textOf = ({ name, index }: ImaEntry): string =>
  name === undefined || name.length === 0 ? `entry ${index}` : Buffer.from(name).toString('utf8');
