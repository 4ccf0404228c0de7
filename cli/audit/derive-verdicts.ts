import type { AuditEntry, StoredVerdict, VerdictDay } from '@touchstone/schemas';
import { ProblemError } from '@touchstone/transport';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';
import { type Content, contentOf } from './content.ts';
import { type Derived, deriveVerdict } from './derive-verdict.ts';
import type { Difference } from './difference-reasons.ts';
import { type ResultKeys, resultKeysOf } from './result-signature.ts';

export type Asked = {
  /** RFC 3339, UTC. Verdicts given before it are left alone. */
  readonly since: string | undefined;
  /** As many are looked at, the latest days first. */
  readonly limit: number;
  /** Of the login: `Profile`. */
  readonly bundleKey: string | undefined;
};

/** What came of making verdicts again. */
export type DerivedVerdicts = {
  /** Made again, and the same throughout. */
  readonly same: number;
  readonly differ: readonly DifferingVerdict[];
  /** Made by other rules than those here, by their name. They were not made again. */
  readonly otherRules: Readonly<Record<string, number>>;
  /** Of a version that did not store what they were made from. */
  readonly withoutContext: number;
  /** Had their time, as the audit log says, or went while this was looking. */
  readonly gone: number;
  /** Whether there are more than were asked for. */
  readonly more: boolean;
};

export type DifferingVerdict = Pick<StoredVerdict, 'id' | 'hostId' | 'at' | 'verdict'> & {
  readonly differences: readonly Difference[];
};

/** Makes stored verdicts again, here, from what the server has stored of them. */
export async function deriveVerdicts(
  api: OperatorApi,
  log: readonly AuditEntry[],
  { since, limit, bundleKey }: Asked,
  onProgress: (looked: number) => void,
): Promise<DerivedVerdicts> {
  const content = contentOf(api);
  const keys = await resultKeysOf(api, bundleKey);
  const tally = { same: 0, withoutContext: 0, gone: goneSince(log, since), more: false };
  const differ: DifferingVerdict[] = [];
  const otherRules: Record<string, number> = {};
  let looked = 0;
  for await (const stored of verdictsSince(api, since)) {
    if (looked === limit) {
      tally.more = true;
      break;
    }
    looked += 1;
    const derived = await derivedWhileThere(api, { stored, content, keys });
    if (derived === 'gone') tally.gone += 1;
    else if (derived.kind === 'same') tally.same += 1;
    else if (derived.kind === 'without-context') tally.withoutContext += 1;
    else if (derived.kind === 'other-rules') {
      otherRules[derived.policy] = (otherRules[derived.policy] ?? 0) + 1;
    } else {
      const { id, hostId, at, verdict } = stored;
      differ.push({ id, hostId, at, verdict, differences: derived.differences });
    }
    if (looked % 100 === 0) onProgress(looked);
  }
  return { ...tally, differ, otherRules };
}

/**
 * A verdict is removed before what it was made from. What lacks something is therefore damaged, unless it went itself
 * meanwhile.
 */
async function derivedWhileThere(
  api: Pick<OperatorApi, 'verdict'>,
  { stored, content, keys }: { stored: StoredVerdict; content: Content; keys: ResultKeys },
): Promise<Derived | 'gone'> {
  const derived = await deriveVerdict(stored, content, keys);
  const lacks =
    derived.kind === 'differs' && derived.differences.some(({ code }) => code.endsWith('_GONE'));
  if (!lacks) return derived;
  try {
    await api.verdict(stored.id);
    return derived;
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'VERDICT_UNKNOWN') return 'gone';
    throw error;
  }
}

/** Of the latest day first. Those that outlived their day come last. */
async function* verdictsSince(
  api: OperatorApi,
  since: string | undefined,
): AsyncGenerator<StoredVerdict> {
  const from = since ?? '';
  const { days } = await api.verdictDays();
  for (const day of days) {
    if (day !== 'kept' && day < from.slice(0, 10)) continue;
    for await (const verdict of verdictsOfDay(api, day)) if (verdict.at >= from) yield verdict;
  }
}

async function* verdictsOfDay(api: OperatorApi, day: VerdictDay): AsyncGenerator<StoredVerdict> {
  let [cursor, last]: [string | undefined, string] = [undefined, ''];
  do {
    const page = await api.verdictsOfDay(day, cursor);
    for (const verdict of page.verdicts) {
      // A list that does not go on has no end.
      if (verdict.id <= last) throw new CliError('LIST_TOO_LONG');
      last = verdict.id;
      yield verdict;
    }
    if (page.verdicts.length === 0 && page.nextCursor !== undefined) {
      throw new CliError('LIST_TOO_LONG');
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** By the lines that removals leave in the audit log: how many verdicts they took away. */
function goneSince(log: readonly AuditEntry[], since: string | undefined): number {
  const from = since?.slice(0, 10).replaceAll('-', '') ?? '';
  let gone = 0;
  for (const { action, subject, detail } of log) {
    const [, day] = /^attestations_([0-9]{8}|kept)$/u.exec(subject) ?? [];
    const [, rows] = /^([0-9]{1,15}) rows/u.exec(detail) ?? [];
    if (action !== 'retention.remove' || day === undefined || rows === undefined) continue;
    if (day === 'kept' || day >= from) gone += Number(rows);
  }
  return gone;
}
