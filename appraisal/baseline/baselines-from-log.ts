import type { EventLog, LogEvent } from '@touchstone/eventlog';
import {
  type AllowedMeasurement,
  type AssuranceClass,
  type Baseline,
  type BaselinePart,
  type BaselineRule,
  type Labels,
  BASELINE_PARTS,
} from '@touchstone/schemas';
import { labelOf } from '../comparison/event-label.ts';
import { digestIn } from '../comparison/rule-index.ts';
import { quirksNeeded } from '../firmware/firmware-findings.ts';
import { lineOfText } from '../line-of-text.ts';
import { STRONG_BANKS, type StrongBank } from '../strong-bank.ts';
import { checkBaseline } from './check-baseline.ts';
import { type EventHome, homeOf } from './event-home.ts';
import { ruleIds } from './rule-ids.ts';

export type FromLogInput = {
  readonly name: string;
  /** This part alone; every part unless stated. */
  readonly part?: BaselinePart;
  readonly class: AssuranceClass;
  /** What the documents match. Without any, and with a host, they are for that host alone. */
  readonly labels: Labels;
  /** The host that the log is of. Without one there is no document of what makes a host unique. */
  readonly host?: string;
  readonly versionOf: (part: BaselinePart) => number;
  /** The banks whose digests are listed for these PCRs: SHA-256 if every event has one, unless stated. */
  readonly banksFor?: (pcrs: ReadonlySet<number>) => readonly StrongBank[];
  /** What the firmware of this model is known for, by its names in the ledger: what the log needs, unless stated. */
  readonly quirks?: readonly string[];
  readonly provenance?: Baseline['provenance'];
};

type Housed = { readonly event: LogEvent; readonly home: EventHome };

/**
 * Baselines that say: exactly what this log shows, in its order, and nothing else, but for what cannot hold
 * still, which is observed. A document for each part of which there is anything. The log is taken as it is:
 * hold it against a quote first.
 *
 * @throws BaselineError BASELINE_TOO_LARGE, or BASELINE_SHAPE where there is more than a document can hold;
 * BASELINE_DIGEST_MISSING where events lack a digest in a bank asked for.
 */
export function baselinesFromLog(log: EventLog, input: FromLogInput): Baseline[] {
  const events = log.events.filter((event) => event.extends);
  const common = commonBank(events);
  const quirks = input.quirks ?? (input.class === 'software' ? [] : quirksNeeded(log));
  const housed = events.flatMap((event) => homesOf(event, input).map((home) => ({ event, home })));
  return BASELINE_PARTS.flatMap((part) => {
    const ofPart = housed.filter(({ home }) => home.part === part);
    if (ofPart.length === 0 || (input.part !== undefined && input.part !== part)) return [];
    const pcrs = new Set(ofPart.map(({ event }) => event.pcr));
    return [documentOf(part, input.banksFor?.(pcrs) ?? common, ofPart, { ...input, quirks })];
  });
}

/** The first strong bank that every event has a digest in; SHA-256 where none is whole, which is then refused. */
function commonBank(events: readonly LogEvent[]): readonly StrongBank[] {
  const whole = STRONG_BANKS.filter((bank) =>
    events.every((event) => digestIn(event, bank) !== undefined),
  );
  return [whole[0] ?? 'sha256'];
}

/**
 * What is unique to a host is observed where documents are for many hosts, and enforced for the one that is
 * known beside that.
 */
function homesOf(event: LogEvent, { class: held, host, labels }: FromLogInput): EventHome[] {
  const home = homeOf(event, held);
  if (home.part !== 'host') return [home];
  const shared: EventHome = {
    ...home,
    part: event.pcr === 5 ? 'bootChain' : 'firmware',
    how: 'open',
  };
  if (host === undefined) return [shared];
  return Object.keys(labels).length === 0 ? [home] : [home, shared];
}

function documentOf(
  part: BaselinePart,
  banks: readonly StrongBank[],
  housed: readonly Housed[],
  input: FromLogInput & { readonly quirks: readonly string[] },
): Baseline {
  const { labels, host, name, provenance, quirks, class: held } = input;
  const isForOne = part === 'host' || Object.keys(labels).length === 0;
  const listed = housed.filter(({ home }) => home.how === 'listed').map(({ event }) => event);
  const { rules, order } = listedRules(banks, listed);
  const open = openRules(housed);
  return checkBaseline({
    kind: 'baseline',
    part,
    name,
    version: input.versionOf(part),
    match: {
      labels: part === 'host' ? {} : { ...labels },
      class: [held],
      ...(isForOne && host !== undefined ? { host } : {}),
    },
    banks: [...banks],
    ...(quirks.length === 0 || part !== 'firmware' ? {} : { quirks: [...quirks] }),
    ...(provenance === undefined ? {} : { provenance }),
    rules: [...rules, ...open],
    // A software TPM's log is in the order of the agent's own list, which is measured itself.
    ...(held === 'software' || order.length === 0 ? {} : { order }),
  } satisfies Baseline);
}

/** One rule for each thing measured; the same measurement twice is one rule, met twice. */
function listedRules(
  banks: readonly StrongBank[],
  events: readonly LogEvent[],
): { rules: BaselineRule[]; order: string[] } {
  const keyOf = (event: LogEvent) =>
    [event.pcr, event.claimedTypeName, ...banks.map((bank) => digestIn(event, bank))].join(' ');
  const idOf = ruleIds();
  const ids = new Map<string, string>();
  const rules: BaselineRule[] = [];
  for (const [key, [event, ...again]] of Map.groupBy(events, keyOf)) {
    if (event === undefined) continue;
    const { pcr, claimedTypeName: type } = event;
    const id = idOf(stemOf(event));
    ids.set(key, id);
    const times = again.length === 0 ? {} : { times: again.length + 1 };
    rules.push({ id, mode: 'enforce', pcr, type, ...times, allow: [allowedOf(banks, event)] });
  }
  return { rules, order: events.flatMap((event) => ids.get(keyOf(event)) ?? []) };
}

/** One rule a type and PCR, which says why nothing there holds still. */
function openRules(housed: readonly Housed[]): BaselineRule[] {
  const open = housed.filter(({ home }) => home.how === 'open');
  const bySlot = Map.groupBy(open, ({ event }) => `${event.pcr} ${event.claimedTypeName}`);
  return [...bySlot.values()].flatMap(([first]) => {
    if (first === undefined) return [];
    const { event, home } = first;
    const { pcr, claimedTypeName: type } = event;
    const id = `any-${type.toLowerCase().replaceAll('_', '-')}-${pcr}`;
    return [
      { id, mode: 'observe', pcr, type, ...(home.why === undefined ? {} : { why: home.why }) },
    ];
  });
}

/** What the rule is called by: the name where it is short, and what kind of thing it is. */
function stemOf(event: LogEvent): string {
  const label = labelOf(event);
  const type = event.claimedTypeName.replace(/^EV_(?:EFI_)?/u, '').toLowerCase();
  if (label === undefined) return `pcr${event.pcr}-${type}`;
  if (label.name.startsWith('/')) return label.name;
  const { kind, name } = label;
  if (!label.steady)
    return kind === 'kernel command line' ? 'command-line' : `${kind} ${firstWords(name)}`;
  if (name === 'separator') return `separator-${event.pcr}`;
  return kind === undefined || kind.startsWith('boot') ? fileOf(name) : `${kind} ${fileOf(name)}`;
}

const firstWords = (text: string): string => text.split(/\s+/u).slice(0, 3).join(' ').slice(0, 40);

const fileOf = (name: string): string => name.replace(/^.*[\\/]/su, '') || name;

function allowedOf(banks: readonly StrongBank[], event: LogEvent): AllowedMeasurement {
  const label = labelOf(event);
  const digests = Object.fromEntries(
    banks.flatMap((bank) => {
      const digest = digestIn(event, bank);
      return digest === undefined ? [] : [[bank, digest]];
    }),
  );
  return {
    ...digests,
    ...(label === undefined ? {} : { name: lineOfText(label.name, 1_024) }),
    ...(label?.version === undefined ? {} : { version: lineOfText(label.version, 128) }),
    ...(label?.file === undefined ? {} : { file: label.file }),
  };
}
