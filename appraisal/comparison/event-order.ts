import type { RuledEvent } from './explain-events.ts';

/**
 * Of one document's events, in the log's order and none too often, those that come after what should have
 * come after them. The order is of each PCR by itself: nothing proves in which order two PCRs were extended.
 */
export function misplacedEvents<E extends RuledEvent>(events: readonly E[]): E[] {
  const [first] = events;
  const { order, rules } = first?.live.baseline ?? {};
  if (order === undefined || rules === undefined) return [];
  const pcrOf = new Map(rules.map(({ id, pcr }) => [id, pcr]));
  const named = new Set(order);
  const queues = Map.groupBy(order, (id) => pcrOf.get(id));
  const misplaced: E[] = [];
  for (const [pcr, ofPcr] of Map.groupBy(events, ({ event }) => event.pcr)) {
    const queue = queues.get(pcr) ?? [];
    let at = 0;
    for (const one of ofPcr) {
      if (!named.has(one.rule.id)) continue;
      const found = queue.indexOf(one.rule.id, at);
      if (found < 0) misplaced.push(one);
      else at = found + 1;
    }
  }
  return misplaced;
}
