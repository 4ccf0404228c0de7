import { isDeepStrictEqual } from 'node:util';
import type { AllowedMeasurement, Baseline, BaselineRule } from '@touchstone/schemas';
import { STRONG_BANKS } from '../strong-bank.ts';
import { isExplaining, isOpen } from './rule-kind.ts';

/**
 * Whether a host could fare better under the active documents `after` than under `before`. Only what provably
 * makes nothing better is not loosening:
 * - a document that is the same but for version, provenance, names and notes;
 * - one that allows less, denies more, expires sooner, is stricter, has an order now, or leans on fewer quirks,
 *   and matches the same hosts in the same banks, where no other rule lets pass what it allows no more;
 * - a new one that only denies;
 * - one that is gone, where no document is left that could apply to a host that it applied to: such a host has no
 *   baseline any more.
 *
 * All else is: a new document explains what was not explained, and one that is gone asks for nothing any more.
 */
export function loosens(before: readonly Baseline[], after: readonly Baseline[]): boolean {
  const olds = Map.groupBy(before, keyOf);
  const news = Map.groupBy(after, keyOf);
  for (const [key, some] of news) {
    const known = olds.get(key);
    if (known === undefined ? !some.every(onlyDenies) : !noLooser(known, some, after)) return true;
  }
  return [...olds].some(
    ([key, gone]) =>
      !news.has(key) && gone.some((one) => after.some((left) => mayMeet(one.match, left.match))),
  );
}

const keyOf = ({ part, name }: Baseline): string => `${part} ${name}`;

/** Versions that are active beside one another are compared only where nothing of them changed. */
function noLooser(
  olds: readonly Baseline[],
  news: readonly Baseline[],
  after: readonly Baseline[],
): boolean {
  const [old, ...moreOld] = olds;
  const [now, ...moreNew] = news;
  if (old === undefined || now === undefined) return false;
  if (moreOld.length === 0 && moreNew.length === 0) {
    return isTighter(old, now) && !isTakenElsewhere(old, now, after);
  }
  return isDeepStrictEqual(olds, news);
}

function onlyDenies(baseline: Baseline): boolean {
  const { rules, quirks, secureBoot, ima, tpm } = baseline;
  if (quirks !== undefined || secureBoot !== undefined || ima !== undefined) return false;
  if (!asksOnly(tpm)) return false;
  return rules.every((rule) => !isExplaining(rule) && !isOpen(rule));
}

/** What says nothing of advisories makes none of them milder. */
const asksOnly = (tpm: Baseline['tpm']): boolean =>
  tpm?.advisories === undefined && tpm?.accept === undefined;

/** Whether a host may be matched by both. */
function mayMeet(a: Baseline['match'], b: Baseline['match']): boolean {
  if (!a.class.some((one) => b.class.includes(one))) return false;
  if (a.host !== undefined && b.host !== undefined && a.host !== b.host) return false;
  return Object.entries(a.labels).every(
    ([label, value]) => !Object.hasOwn(b.labels, label) || b.labels[label] === value,
  );
}

function isTighter(old: Baseline, now: Baseline): boolean {
  return (
    isDeepStrictEqual(matchOf(old), matchOf(now)) &&
    isDeepStrictEqual(old.banks.toSorted(), now.banks.toSorted()) &&
    expiresNoLater(old.expires, now.expires) &&
    (old.independent === true || now.independent !== true) &&
    within(now.quirks ?? [], old.quirks ?? []) &&
    (isDeepStrictEqual(old.secureBoot, now.secureBoot) || old.secureBoot === undefined) &&
    (now.secureBoot === undefined ||
      now.secureBoot.mode === 'enforce' ||
      old.secureBoot !== undefined) &&
    isDeepStrictEqual(old.ima, now.ima) &&
    (isDeepStrictEqual(old.tpm, now.tpm) || (old.tpm === undefined && asksOnly(now.tpm))) &&
    (old.order === undefined || isDeepStrictEqual(old.order, now.order)) &&
    // A host for which nothing enforced has no baseline; one rule that does could give it one.
    (enforces(old) || !enforces(now)) &&
    rulesAreTighter(old.rules, now.rules)
  );
}

const enforces = ({ rules }: Baseline): boolean =>
  rules.some((rule) => rule.mode === 'enforce' && isExplaining(rule));

const matchOf = ({ match }: Baseline) => ({
  ...match,
  class: match.class.toSorted(),
  labels: new Map(Object.entries(match.labels)),
});

function expiresNoLater(old: string | undefined, now: string | undefined): boolean {
  if (old === undefined || old === now) return true;
  return now !== undefined && new Date(now).getTime() <= new Date(old).getTime();
}

const within = (some: readonly string[], all: readonly string[]): boolean =>
  some.every((one) => all.includes(one));

function rulesAreTighter(olds: readonly BaselineRule[], news: readonly BaselineRule[]): boolean {
  const byId = new Map(olds.map((rule) => [rule.id, rule]));
  for (const now of news) {
    const old = byId.get(now.id);
    byId.delete(now.id);
    const tighter =
      old === undefined ? !isExplaining(now) && !isOpen(now) : ruleIsTighter(old, now);
    if (!tighter) return false;
  }
  // Without a rule that let everything pass, something else has to explain it.
  return [...byId.values()].every((gone) => isOpen(gone) && gone.mode === 'observe');
}

/**
 * Whether another rule may explain, or let pass, what a rule explains no more: of two events where one was
 * expected, the second was too many (EVENT_REPEATED, SETS_MIXED), and would be nothing any more.
 */
function isTakenElsewhere(old: Baseline, now: Baseline, after: readonly Baseline[]): boolean {
  const byId = new Map(now.rules.map((rule) => [rule.id, rule]));
  const inSlot = Map.groupBy(
    after
      .filter(({ match }) => mayMeet(now.match, match))
      .flatMap(({ rules, banks }) => rules.map((rule) => ({ rule, banks }))),
    ({ rule }) => slotOf(rule),
  );
  return old.rules.some((before) => {
    const left = byId.get(before.id);
    if (left === undefined) return false;
    const kept = new Set((left.allow ?? []).map(digestsOf));
    const gone = (before.allow ?? []).filter((one) => !kept.has(digestsOf(one)));
    const lessWords = !isDeepStrictEqual(explainedBy(before), explainedBy(left));
    if (gone.length === 0 && !lessWords) return false;
    return (inSlot.get(slotOf(left)) ?? []).some(({ rule, banks }) => {
      if (rule === left) return false;
      if (isOpen(rule)) return true;
      if (!isExplaining(rule)) return false;
      if (lessWords || rule.words !== undefined || !banks.some((one) => now.banks.includes(one))) {
        return true;
      }
      const some = new Set((rule.allow ?? []).flatMap(eachDigestOf));
      return gone.some((one) => eachDigestOf(one).some((digest) => some.has(digest)));
    });
  });
}

const slotOf = ({ pcr, type }: BaselineRule): string => `${pcr} ${type}`;

/** What of a rule's words explains lines. */
const explainedBy = ({ words }: BaselineRule) => [words?.require, words?.allow];

const STRICTNESS = { observe: 0, warn: 1, enforce: 2 } as const;

function ruleIsTighter(old: BaselineRule, now: BaselineRule): boolean {
  return (
    old.pcr === now.pcr &&
    old.type === now.type &&
    old.times === now.times &&
    STRICTNESS[now.mode] >= STRICTNESS[old.mode] &&
    (old.optional === true || now.optional !== true) &&
    isOpen(old) === isOpen(now) &&
    isExplaining(old) === isExplaining(now) &&
    allowsNoMore(old.allow, now.allow) &&
    digestsWithin(old.deny ?? [], now.deny ?? []) &&
    wordsAreTighter(old.words, now.words)
  );
}

function allowsNoMore(old: BaselineRule['allow'], now: BaselineRule['allow']): boolean {
  const known = new Map((old ?? []).map((one) => [digestsOf(one), one]));
  return (now ?? []).every((one) => {
    const before = known.get(digestsOf(one));
    if (before === undefined || before.set !== one.set) return false;
    // What a kernel is known for helps a host that has it.
    const vouched = one.lockdown === undefined || before.lockdown === one.lockdown;
    return vouched && (one.kexec === undefined || before.kexec === one.kexec);
  });
}

const digestsOf = (one: Pick<AllowedMeasurement, 'sha256' | 'sha384' | 'sha512'>): string =>
  STRONG_BANKS.map((bank) => one[bank] ?? '').join(' ');

const eachDigestOf = (one: AllowedMeasurement): string[] =>
  STRONG_BANKS.flatMap((bank) => one[bank] ?? []);

function digestsWithin(
  some: readonly Pick<AllowedMeasurement, 'sha256' | 'sha384' | 'sha512'>[],
  all: readonly Pick<AllowedMeasurement, 'sha256' | 'sha384' | 'sha512'>[],
): boolean {
  const known = new Set(all.map(digestsOf));
  return some.every((one) => known.has(digestsOf(one)));
}

function wordsAreTighter(old: BaselineRule['words'], now: BaselineRule['words']): boolean {
  if (old === undefined || now === undefined) return old === now;
  // Words that only deny explain nothing: whatever else is said in their place explains something.
  if (old.require === undefined && old.allow === undefined) {
    return (
      now.require === undefined && now.allow === undefined && within(old.deny ?? [], now.deny ?? [])
    );
  }
  if (!within(old.require ?? [], now.require ?? [])) return false;
  if (!within(old.deny ?? [], now.deny ?? [])) return false;
  if (old.allow === undefined) return true;
  if (now.allow === undefined) return false;
  // A word that is required is one that may be there.
  const may = [...(now.require ?? []), ...now.allow];
  return within(may, [...(old.require ?? []), ...old.allow]);
}
