import type { LogEvent } from '@touchstone/eventlog';
import type { AllowedMeasurement, Baseline, Finding } from '@touchstone/schemas';
import { allowsAbsence, placeOf } from '../measured-software.ts';
import type { StrongBank } from '../strong-bank.ts';
import { commandTextOf, wordsOf } from './command-words.ts';
import { labelOf, placeOfEvent, shownName } from './event-label.ts';
import { digestIn } from './rule-index.ts';

/** As many allowed measurements as one finding spells out. */
const MAX_SPELT = 4;

/** `/boot/vmlinuz in PCR 9`, `variable SecureBoot in PCR 7`. */
export function whereOf(event: LogEvent): string {
  const label = labelOf(event);
  if (label === undefined)
    return `event ${event.index} (${event.claimedTypeName}) in PCR ${event.pcr}`;
  const { kind, steady, verified } = label;
  const name = placeOfEvent(event) ?? label.name;
  const mark = verified ? '' : ' (unverified)';
  if (!steady && kind !== undefined) return `${kind} in PCR ${event.pcr}${mark}`;
  return `${kind === undefined ? '' : `${kind} `}${name}${mark} in PCR ${event.pcr}`;
}

export function eventOf(event: LogEvent): NonNullable<Finding['event']> {
  const { index, pcr, claimedTypeName: type } = event;
  const label = labelOf(event);
  return { index, pcr, type, ...(label === undefined ? {} : { name: shownName(label) }) };
}

/** `file sha256 ab.. (event sha256 cd..)`. */
export function describeEvent(event: LogEvent, bank: StrongBank): string {
  const digest = `event ${bank} ${digestIn(event, bank) ?? 'none'}`;
  const label = labelOf(event);
  if (label === undefined) return digest;
  const { content, steady, verified, name } = label;
  const told = content ?? (steady ? undefined : JSON.stringify(name));
  if (told === undefined) return digest;
  return `${told}${verified ? '' : ' (unverified)'} (${digest})`;
}

/** What a rule that says which events it explains looks like here. */
type DescribedRule = Pick<Baseline['rules'][number], 'id' | 'pcr' | 'allow' | 'words'>;

/** What a rule wants, and who said so. `event` is what was found in its place, where something was. */
export function describeRule(
  rule: DescribedRule,
  baseline: Baseline,
  bank: StrongBank,
  event?: LogEvent,
): { subject: string; expected: string; nearest: string; wanted: readonly AllowedMeasurement[] } {
  const place = event === undefined ? undefined : placeOfEvent(event);
  const { allow = [] } = rule;
  const samePlace = allow.filter(({ name }) => name !== undefined && placeOf(name) === place);
  const wanted = samePlace.length > 0 ? samePlace : allow;
  const spelt = wanted.slice(0, MAX_SPELT).map((allowed) => describeAllowed(allowed, bank));
  const more = wanted.length > MAX_SPELT ? [`${wanted.length - MAX_SPELT} others`] : [];
  const [first] = wanted;
  const by = `rule ${rule.id} of ${nameOfBaseline(baseline)}`;
  const change = event === undefined || first === undefined ? '' : wordChange(event, first);
  return {
    subject: `${first?.name ?? rule.id} in PCR ${rule.pcr}`,
    expected: [...spelt, ...more, ...describeWords(rule)].join(' or '),
    nearest: `${change}${first === undefined ? '' : originOf(first)}${by}`,
    wanted,
  };
}

/** `bootChain web version 3`. */
export const nameOfBaseline = ({ part, name, version }: Baseline): string =>
  `${part} ${name} version ${version}`;

/** The paths that a rule speaks of. */
export function placesOf({ allow = [] }: DescribedRule): ReadonlySet<string> {
  return new Set(allow.flatMap(({ name }) => (name === undefined ? [] : [placeOf(name)])));
}

/** How many words a text has in common with the nearest that a rule allows. */
export function wordsInCommon(event: LogEvent, { allow = [] }: DescribedRule): number {
  const words = new Set(shownWords(commandTextOf(event) ?? ''));
  const counts = allow.map(
    ({ name = '' }) => shownWords(name).filter((one) => words.has(one)).length,
  );
  return Math.max(0, ...counts);
}

/** Which words of a command line came and went: `adds init=/bin/sh; lacks ro; `. */
function wordChange(event: LogEvent, { name }: AllowedMeasurement): string {
  const text = commandTextOf(event);
  if (text === undefined || name === undefined) return '';
  const [found, wanted] = [shownWords(text), shownWords(name)];
  const added = without(found, wanted);
  const missing = without(wanted, found);
  const said = [
    ...(added.length === 0 ? [] : [`adds ${added.join(' ')}`]),
    ...(missing.length === 0 ? [] : [`lacks ${missing.join(' ')}`]),
  ];
  if (said.length === 0) said.push('has the same words in another order or spelling');
  return `${said.join('; ')}; `;
}

/** As the kernel divides it where that can be told, and else at blanks. */
function shownWords(text: string): string[] {
  // A name in a document has its line feeds written out.
  const line = text.replaceAll('\\u000a', ' ');
  return wordsOf(line) ?? line.split(/\s+/u).filter((word) => word !== '');
}

/** Each word as often as it is there too often. */
function without(words: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return words.filter((word) => {
    const at = left.indexOf(word);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function describeAllowed(allowed: AllowedMeasurement, bank: StrongBank): string {
  const digest = `event ${bank} ${allowed[bank] ?? 'none'}`;
  if (allowed.file !== undefined) return `file sha256 ${allowed.file} (${digest})`;
  if (allowsAbsence(allowed, bank)) return `absent (${digest})`;
  const { name, version } = allowed;
  const isPath = name?.startsWith('/') === true && !/\s/u.test(name);
  const named = name === undefined || isPath ? [] : [JSON.stringify(name)];
  const told = [...named, ...(version === undefined ? [] : [version])].join(' ');
  return told === '' ? digest : `${told} (${digest})`;
}

function describeWords({ words }: DescribedRule): string[] {
  if (words === undefined) return [];
  const said = (['require', 'allow', 'deny'] as const).flatMap((list) => {
    const globs = words[list];
    return globs === undefined ? [] : [`${list} ${globs.join(' ')}`];
  });
  return [`a command line by its words (${said.join('; ')})`];
}

function originOf({ name, version, from }: AllowedMeasurement): string {
  const parts = [
    ...(name === undefined ? [] : [name]),
    ...(version === undefined
      ? []
      : [/^[0-9]\S*$/u.test(version) ? `version ${version}` : version]),
    ...(from === undefined ? [] : [`from ${from}`]),
  ];
  return parts.length === 0 ? '' : `${parts.join(' ')}, by `;
}
