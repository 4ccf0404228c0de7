import { formatBaseline } from '@touchstone/appraisal';
import { type LogEvent, parseEventLog } from '@touchstone/eventlog';
import type { Baseline, BaselineRule, Labels } from '@touchstone/schemas';

/** What a log shows in these PCRs, as a document that an owner could have written: one rule for each thing measured. */
export function baselineOfLog(
  log: Uint8Array,
  of: {
    readonly name: string;
    readonly labels: Labels;
    readonly pcrs: readonly number[];
    /** SHA-256 of kernels that are known to lock themselves down. */
    readonly lockdown?: readonly string[];
    readonly changed?: Partial<Baseline>;
  },
): Baseline {
  const events = parseEventLog(log).events.filter(
    (one) => one.extends && of.pcrs.includes(one.pcr),
  );
  const same = Map.groupBy(events, (event) => `${event.pcr} ${event.claimedType} ${sha256(event)}`);
  const rules = [...same.values()].flatMap(([event, ...again]): BaselineRule[] => {
    if (event === undefined) return [];
    const { pcr, claimedTypeName: type, index } = event;
    const digest = sha256(event);
    const known = of.lockdown?.includes(digest) === true ? { lockdown: true as const } : {};
    const times = again.length === 0 ? {} : { times: again.length + 1 };
    const allow = [{ sha256: digest, ...known }];
    return [{ id: `event-${index}`, mode: 'enforce', pcr, type, ...times, allow }];
  });
  return {
    kind: 'baseline',
    part: 'secureBoot',
    name: of.name,
    version: 1,
    match: { labels: of.labels, class: ['discrete', 'firmware', 'virtual'] },
    banks: ['sha256'],
    rules,
    ...of.changed,
  };
}

export const yamlOfLog = (...args: Parameters<typeof baselineOfLog>): string =>
  formatBaseline(baselineOfLog(...args));

function sha256({ digests }: LogEvent): string {
  const found = digests.find(({ bank }) => bank === 'sha256');
  if (found === undefined) throw new RangeError('an event without SHA-256');
  return Buffer.from(found.digest).toString('hex');
}
