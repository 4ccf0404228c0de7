import {
  type CryptoAgileLog,
  type EventMeaning,
  type LogEvent,
  readMeaning,
} from '@touchstone/eventlog';
import type { QuotedBanks } from '../comparison/rule-index.ts';

/** An event with what of its meaning its digests prove. Nothing is decided by any other. */
export type BelievedEvent<Meaning extends EventMeaning = EventMeaning> = {
  readonly event: LogEvent;
  readonly meaning: Meaning;
  /** Whether its PCR had its separator by then. */
  readonly late: boolean;
};

/** The events of PCRs that were quoted whose digest is of what they say, whole or in the part that is meant. */
export function believedEvents(log: CryptoAgileLog, quoted: QuotedBanks): BelievedEvent[] {
  const separated = new Set<number>();
  const believed: BelievedEvent[] = [];
  for (const event of log.events) {
    if (!event.extends) continue;
    const late = separated.has(event.pcr);
    if (event.claimedTypeName === 'EV_SEPARATOR') separated.add(event.pcr);
    if (!quoted.has(event.pcr)) continue;
    const meaning = readMeaning(event);
    if (isProved(meaning)) believed.push({ event, meaning, late });
  }
  return believed;
}

export type MeaningOf<Kind extends EventMeaning['kind']> = Extract<
  EventMeaning,
  { readonly kind: Kind }
>;

export function ofKind<Kind extends EventMeaning['kind']>(
  events: readonly BelievedEvent[],
  kind: Kind,
): BelievedEvent<MeaningOf<Kind>>[] {
  const isIt = (one: BelievedEvent): one is BelievedEvent<MeaningOf<Kind>> =>
    one.meaning.kind === kind;
  return events.filter(isIt);
}

/** A variable's value alone proves no name, and a name is what makes it mean something. */
export function isProved(meaning: EventMeaning): boolean {
  if (meaning.basis === 'label') return false;
  if (meaning.basis === 'data' || meaning.kind !== 'variable') return true;
  return 'part' in meaning && meaning.part === 'structure';
}
