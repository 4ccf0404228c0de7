import type { LogEvent } from '@touchstone/eventlog';
import type { AllowedMeasurement, Baseline, Finding } from '@touchstone/schemas';
import { finding, type FindingDetails } from '../finding.ts';
import type { ReasonCode } from '../reasons.ts';
import type { StrongBank } from '../strong-bank.ts';
import { describeDeviceImage } from './device-image.ts';
import { describeEvent, describeRule, eventOf, nameOfBaseline, whereOf } from './event-text.ts';
import type { DeniedEvent, Explanation, RuledEvent, UnmetRule } from './explain-events.ts';
import { type Found, pairEvents } from './event-pairs.ts';
import type { Lead } from './lead.ts';
import type { MixedSets } from './measurement-sets.ts';
import { digestIn } from './rule-index.ts';
import { stricter } from './stricter.ts';

/** A finding about one PCR's events, and where more can be learnt of the event. */
export type PcrFinding = {
  readonly pcr: number;
  readonly finding: Finding;
  readonly lead?: Lead;
};

/** As many digests as one lead asks for. */
const MAX_WANTED = 16;

/**
 * What is wrong with the events, in words. An event that nothing explains and a rule that nothing met are
 * one finding where they are about the same thing: that is what a changed file looks like. `banks` is
 * the bank that each PCR's digests are shown in.
 */
export function eventFindings(
  explanation: Explanation,
  banks: ReadonlyMap<number, StrongBank>,
): PcrFinding[] {
  const { unexplained, observed, repeated, unmet, denied, misplaced, mixed } = explanation;
  const { pairs, alone, missing } = pairEvents(unexplained, observed, unmet);
  const bankOf = (pcr: number): StrongBank => banks.get(pcr) ?? 'sha256';
  return [
    ...denied.map((one) => refused(one, bankOf(one.event.pcr))),
    ...pairs.map(({ found, wanted }) => differs(found, wanted, bankOf(found.event.pcr))),
    ...alone.map((found) => unexpected(found, bankOf(found.event.pcr))),
    ...missing.map((wanted) => absent(wanted, bankOf(wanted.rule.pcr))),
    ...repeated.map((again) => tooOften(again, bankOf(again.event.pcr))),
    ...misplaced.map((one) => outOfOrder(one, bankOf(one.event.pcr))),
    ...mixed.map(mixture),
  ];
}

function refused({ event, live, denial, effect }: DeniedEvent, bank: StrongBank): PcrFinding {
  const { rule, measurement, words = [] } = denial;
  const said = [measurement?.name, measurement?.version].filter((one) => one !== undefined);
  const why = measurement?.why ?? rule.why;
  const by = `rule ${rule.id} of ${nameOfBaseline(live.baseline)}`;
  const expected =
    words.length === 0 ? `anything but ${said.join(' ') || 'this'}` : `none of ${words.join(' ')}`;
  return aboutEvent('EVENT_DENIED', event, {
    expected: `${expected}${why === undefined ? '' : `: ${why}`}`,
    actual: describeEvent(event, bank),
    nearest: by,
    effect,
  });
}

function differs(
  { event, effect }: Found,
  { rule, live }: UnmetRule,
  bank: StrongBank,
): PcrFinding {
  const { expected, nearest, wanted } = describeRule(rule, live.baseline, bank, event);
  const actual = describeEvent(event, bank);
  const strict = stricter(effect, rule.mode);
  return {
    ...aboutEvent('EVENT_DIFFERS', event, { expected, actual, nearest, effect: strict }),
    lead: leadOf(event, bank, { wanted, baseline: live.baseline }),
  };
}

function unexpected({ event, effect }: Found, bank: StrongBank): PcrFinding {
  const expected = 'only what a baseline allows';
  const image = describeDeviceImage(event, bank);
  const code = image === undefined ? 'EVENT_UNEXPLAINED' : 'IMAGE_UNKNOWN';
  const actual = image ?? describeEvent(event, bank);
  return {
    ...aboutEvent(code, event, { expected, actual, effect }),
    lead: leadOf(event, bank),
  };
}

function absent({ rule, live, missing }: UnmetRule, bank: StrongBank): PcrFinding {
  const { subject, expected, nearest } = describeRule(rule, live.baseline, bank);
  const actual = missing === 1 ? 'not measured' : `${missing} measurements are missing`;
  const details = { subject, expected, actual, nearest, effect: rule.mode };
  return { pcr: rule.pcr, finding: finding('EVENT_MISSING', details) };
}

function tooOften({ event, rule, live }: RuledEvent, bank: StrongBank): PcrFinding {
  const { expected: once, nearest } = describeRule(rule, live.baseline, bank, event);
  const { times = 1 } = rule;
  const expected = times === 1 ? `once: ${once}` : `${times} times: ${once}`;
  const details = { expected, actual: 'measured once more', nearest, effect: rule.mode };
  return aboutEvent('EVENT_REPEATED', event, details);
}

function outOfOrder({ event, rule, live }: RuledEvent, bank: StrongBank): PcrFinding {
  const { order = [] } = live.baseline;
  const before = order.slice(order.indexOf(rule.id) + 1).filter((id) => id !== rule.id);
  const { nearest } = describeRule(rule, live.baseline, bank, event);
  return aboutEvent('EVENT_OUT_OF_ORDER', event, {
    expected: before[0] === undefined ? 'last' : `before ${before[0]}`,
    actual: 'measured after something that it should come before',
    nearest,
    effect: rule.mode,
  });
}

function mixture({ name, members, effect }: MixedSets): PcrFinding {
  const [first] = members;
  const actual = members
    .map(
      ({ set, event, live }) => `set ${set}: ${whereOf(event)} (${nameOfBaseline(live.baseline)})`,
    )
    .join('; ');
  const subject = `sets of ${name}`;
  const expected = `all of one set, as of ${first?.set}`;
  return {
    pcr: first?.event.pcr ?? 0,
    finding: finding('SETS_MIXED', { subject, expected, actual, effect }),
  };
}

function leadOf(
  event: LogEvent,
  bank: StrongBank,
  against?: { readonly wanted: readonly AllowedMeasurement[]; readonly baseline: Baseline },
): Lead {
  const { pcr, claimedTypeName: type } = event;
  const digest = digestIn(event, bank) ?? '';
  const lead = { pcr, type, bank, digest };
  if (against === undefined) return lead;
  const { wanted, baseline } = against;
  const [first] = wanted;
  const { part, name, version } = baseline;
  const digests = wanted.slice(0, MAX_WANTED).flatMap((one) => one[bank] ?? one.file ?? []);
  const files = wanted.slice(0, MAX_WANTED).flatMap(({ file }) => file ?? []);
  return {
    ...lead,
    document: { part, name, version },
    wanted: [...new Set([...digests, ...files])],
    ...(first?.version === undefined ? {} : { wantedVersion: first.version }),
  };
}

function aboutEvent(
  code: ReasonCode,
  event: LogEvent,
  details: Omit<FindingDetails, 'subject' | 'event'>,
): PcrFinding {
  const said = { ...details, subject: whereOf(event), event: eventOf(event) };
  return { pcr: event.pcr, finding: finding(code, said) };
}
