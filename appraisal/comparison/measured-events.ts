import type { LogEvent } from '@touchstone/eventlog';
import type { MeasuredEvent } from '@touchstone/schemas';
import { hexOf } from '../bytes.ts';
import type { Explanation } from './explain-events.ts';
import { lineOfText } from '../line-of-text.ts';
import { labelOf, shownName } from './event-label.ts';
import { digestIn } from './rule-index.ts';
import type { StrongBank } from '../strong-bank.ts';

/** As many as an explanation shows. */
const MAX_EVENTS = 4_096;

/** The events as people see them. What no document was held against is `unchecked`. */
export function measuredEvents(
  events: readonly LogEvent[],
  banks: ReadonlyMap<number, StrongBank>,
  explanation: Explanation | undefined,
): MeasuredEvent[] {
  const verdictOf = (event: LogEvent): MeasuredEvent['verdict'] => {
    if (explanation === undefined || !banks.has(event.pcr)) return 'unchecked';
    if (explanation.observed.has(event)) return 'unchecked';
    return explanation.expected.has(event) ? 'expected' : 'unexpected';
  };
  return events.slice(0, MAX_EVENTS).map((event) => {
    const { index, pcr, claimedTypeName } = event;
    const bank = banks.get(pcr);
    const [first] = event.digests;
    const shown = bank === undefined ? undefined : digestIn(event, bank);
    const label = labelOf(event);
    return {
      index,
      pcr,
      type: lineOfText(claimedTypeName, 64),
      digest: shown ?? (first === undefined ? '' : hexOf(first.digest)),
      ...(label === undefined ? {} : { name: lineOfText(shownName(label), 1_024) }),
      verdict: verdictOf(event),
    };
  });
}
