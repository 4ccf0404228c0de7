import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type CryptoAgileLog, type LogEvent, parseEventLog } from '@touchstone/eventlog';
import type { Baseline } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { explainEvents, type Explanation } from '../comparison/explain-events.ts';
import { baselinesFromLog } from '../index.ts';

const HOST = '00000000-0000-4000-8000-000000000000';
const PCRS = Array.from({ length: 24 }, (_, pcr) => pcr);
const QUOTED = new Map(PCRS.map((pcr) => [pcr, ['sha256', 'sha384', 'sha512'] as const]));

/** What is said of one PCR, which nothing of another PCR changes: comparing it alone is quick. */
const sliceOf = (baselines: readonly Baseline[], pcr: number) =>
  baselines.flatMap((baseline) => {
    const rules = baseline.rules.filter((rule) => rule.pcr === pcr);
    const ids = new Set(rules.map(({ id }) => id));
    const order = baseline.order?.filter((id) => ids.has(id));
    const banks = baseline.banks.filter((bank) => bank !== 'sha1' && bank !== 'sm3_256');
    const sliced = { ...baseline, rules, ...(order?.length ? { order } : { order: undefined }) };
    return rules.length === 0 ? [] : [{ baseline: sliced as Baseline, banks }];
  });

const isAccepted = ({ unexplained, unmet, repeated, misplaced, denied, mixed }: Explanation) =>
  [unexplained, unmet, repeated, misplaced, denied, mixed].every((some) => some.length === 0);

const changed = (event: LogEvent): LogEvent => ({
  ...event,
  digests: event.digests.map(({ bank, digest }) => {
    const other = Uint8Array.from(digest);
    other[7] = (other[7] ?? 0) ^ 0x10;
    return { bank, digest: other };
  }),
});

const retyped = (event: LogEvent, claimedTypeName: string): LogEvent => ({
  ...event,
  claimedTypeName,
});

const sameDigest = (a: LogEvent, b: LogEvent): boolean =>
  Buffer.compare(a.digests.at(-1)?.digest ?? a.data, b.digests.at(-1)?.digest ?? b.data) === 0;

/** The single-event changes of one PCR that its documents let pass. */
function passed(
  baselines: readonly Baseline[],
  pcr: number,
  events: readonly LogEvent[],
): string[] {
  const documents = sliceOf(baselines, pcr);
  const accepts = (some: readonly LogEvent[]) => isAccepted(explainEvents(documents, some, QUOTED));
  if (!accepts(events)) return [`PCR ${pcr}: the log itself`];
  const enforced = new Set(
    documents.flatMap(({ baseline }) =>
      baseline.rules.flatMap(({ mode, type }) => (mode === 'enforce' ? [type] : [])),
    ),
  );
  const open = documents.flatMap(({ baseline }) =>
    baseline.rules.flatMap(({ allow, type }) => (allow === undefined ? [type] : [])),
  );
  const types = ['EV_EFI_ACTION', 'EV_IPL', ...open];
  return events.flatMap((event, at) => {
    if (!enforced.has(event.claimedTypeName)) return [];
    const [before, after] = [events.slice(0, at), events.slice(at + 1)];
    const [next, ...later] = after;
    const attempts: [string, readonly LogEvent[]][] = [
      ['dropped, or moved to another PCR', [...before, ...after]],
      ['measured twice', [...before, event, event, ...after]],
      ['another digest', [...before, changed(event), ...after]],
      ...types
        .filter((type) => type !== event.claimedTypeName)
        .map((type): [string, LogEvent[]] => [
          `claimed to be ${type}`,
          [...before, retyped(event, type), ...after],
        ]),
    ];
    const swappable =
      next !== undefined &&
      enforced.has(next.claimedTypeName) &&
      !sameDigest(event, next) &&
      documents.some(({ baseline }) =>
        [event, next].every(({ claimedTypeName: type }) =>
          baseline.rules.some((rule) => rule.type === type && rule.mode === 'enforce'),
        ),
      );
    if (swappable)
      attempts.push(['before the one that it followed', [...before, next, event, ...later]]);
    return attempts
      .filter(([, some]) => accepts(some))
      .map(([what]) => `event ${event.index} in PCR ${pcr}: ${what}`);
  });
}

function agileLog(path: string): CryptoAgileLog | undefined {
  try {
    const log = parseEventLog(readFileSync(path));
    return log.format === 'crypto-agile' ? log : undefined;
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

describeCorpus('baselines made from event logs', () => {
  it('accept their log, and refuse every change of one event of an enforced part', () => {
    const folder = corpusPath('eventlogs');
    const files = readdirSync(folder).filter((file) => file.endsWith('.bin'));
    let made = 0;
    for (const file of files) {
      const log = agileLog(corpusPath('eventlogs', file));
      if (log === undefined) continue;
      const input = { name: 'made', class: 'discrete', labels: {}, host: HOST } as const;
      const baselines = baselinesFromLog(log, { ...input, versionOf: () => 1 });
      made += 1;
      const extending = log.events.filter((event) => event.extends);
      for (const [pcr, events] of Map.groupBy(extending, (event) => event.pcr)) {
        assert.deepEqual(passed(baselines, pcr, events), [], file);
      }
    }
    assert.equal(made, 79, 'crypto-agile logs of TPMs in the corpus');
  });
});
