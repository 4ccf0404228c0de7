import type { LogEvent } from '@touchstone/eventlog';
import type { AllowedMeasurement, Finding } from '@touchstone/schemas';
import { type LiveBaseline, nameOfBaseline } from './applicable-baselines.ts';
import { allowsAbsence, believedSoftware, placeOf } from '../measured-software.ts';
import { type AllowingRule, digestIn } from './rule-index.ts';
import type { StrongBank } from '../strong-bank.ts';

/** As many allowed measurements as one finding spells out. */
const MAX_SPELT = 4;

/** `/boot/vmlinuz in PCR 9`. */
export function whereOf(event: LogEvent): string {
  const believed = believedSoftware(event);
  const what =
    believed === undefined
      ? `event ${event.index} (${event.claimedTypeName})`
      : (believed.place ?? 'kernel command line');
  return `${what} in PCR ${event.pcr}`;
}

export function eventOf(event: LogEvent): NonNullable<Finding['event']> {
  const { index, pcr, claimedTypeName: type } = event;
  const name = believedSoftware(event)?.name;
  return { index, pcr, type, ...(name === undefined ? {} : { name }) };
}

/** `file sha256 ab.. (event sha256 cd..)`. */
export function describeEvent(event: LogEvent, bank: StrongBank): string {
  const digest = `event ${bank} ${digestIn(event, bank) ?? 'none'}`;
  const content = believedSoftware(event)?.content;
  return content === undefined ? digest : `${content} (${digest})`;
}

/** What a rule wants, and who said so. `event` is what was found in its place, where something was. */
export function describeRule(
  rule: AllowingRule,
  live: LiveBaseline,
  bank: StrongBank,
  event?: LogEvent,
): { subject: string; expected: string; nearest: string } {
  const place = event === undefined ? undefined : believedSoftware(event)?.place;
  const samePlace = rule.allow.filter(({ name }) => name !== undefined && placeOf(name) === place);
  const wanted = samePlace.length > 0 ? samePlace : rule.allow;
  const spelt = wanted.slice(0, MAX_SPELT).map((allowed) => describeAllowed(allowed, bank));
  const more = wanted.length > MAX_SPELT ? [`${wanted.length - MAX_SPELT} others`] : [];
  const [first] = wanted;
  const by = `rule ${rule.id} of ${nameOfBaseline(live.baseline)}`;
  return {
    subject: `${first?.name ?? rule.id} in PCR ${rule.pcr}`,
    expected: [...spelt, ...more].join(' or '),
    nearest: `${first === undefined ? '' : originOf(first)}${by}`,
  };
}

/** The paths that a rule speaks of. */
export function placesOf({ allow }: AllowingRule): ReadonlySet<string> {
  return new Set(
    allow.flatMap(({ name }) =>
      name === undefined || !name.startsWith('/') ? [] : [placeOf(name)],
    ),
  );
}

function describeAllowed(allowed: AllowedMeasurement, bank: StrongBank): string {
  const digest = `event ${bank} ${allowed[bank] ?? 'none'}`;
  if (allowed.file !== undefined) return `file sha256 ${allowed.file} (${digest})`;
  if (allowsAbsence(allowed, bank)) return `absent (${digest})`;
  const { name } = allowed;
  return name === undefined || name.startsWith('/')
    ? digest
    : `${JSON.stringify(name)} (${digest})`;
}

function originOf({ name, version, from }: AllowedMeasurement): string {
  const parts = [
    ...(name === undefined ? [] : [name]),
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(from === undefined ? [] : [`from ${from}`]),
  ];
  return parts.length === 0 ? '' : `${parts.join(' ')}, by `;
}
