import type { AppraisalContext } from '@touchstone/appraisal';
import type { Baseline } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** All documents that evidence is held against, as one statement saw them. */
export type HeldPolicy = Required<Pick<AppraisalContext, 'baselines' | 'windows' | 'known'>>;

/** Each document is read once for as long as its row stays as it is. */
export type ActivePolicy = {
  readonly read: (on: Queryable) => Promise<HeldPolicy>;
};

/**
 * Names what is written in a row: whoever writes it, in whatever way, changes xmin (PostgreSQL, 5.6), which
 * comes no second time while one server process runs on one cluster. A window counts hosts in its row all the time: of
 * that what matters is when it ends.
 */
const WRITTEN = `concat_ws(' ', b.name, b.part, b.version, b.xmin, pg_postmaster_start_time(), w.id, w.ends)`;
const LISTED = `${WRITTEN} AS written, b.name, w.id AS window, w.ends`;
const HELD = `FROM baselines b
  LEFT JOIN (SELECT id, least(until, ended_at) AS ends FROM windows) w ON b.state = 'window' AND w.id = b.window_id
 WHERE b.state IN ('active', 'window') ORDER BY b.state, b.name, b.part`;

type ListedRow = {
  readonly written: string;
  readonly name: string;
  readonly window: string | null;
  readonly ends: Date | null;
};

/** What names are taken from besides, and nothing else: a newcomer may be some seconds late. */
const KNOWN_MS = 30_000;
const MOST_KNOWN = 64;
const KNOWN_BYTES = 16_777_216;

export function activePolicy(now: () => number = Date.now): ActivePolicy {
  let held: { readonly key: string; readonly policy: HeldPolicy } | undefined;
  let documents: ReadonlyMap<string, Baseline> = new Map();
  let known: { readonly at: number; readonly key: string; readonly all: readonly Baseline[] } = {
    ...{ at: -Infinity, key: '', all: [] },
  };

  async function readKnown(on: Queryable): Promise<readonly Baseline[]> {
    if (now() - known.at < KNOWN_MS) return known.all;
    const of = `FROM (SELECT *, sum(length(yaml)) OVER (ORDER BY drafted_at DESC, name, part, version) AS bytes
                        FROM (SELECT * FROM baselines WHERE state IN ('draft', 'retired')
                               ORDER BY drafted_at DESC, name, part, version LIMIT ${MOST_KNOWN}) latest) b
                WHERE bytes <= ${KNOWN_BYTES}`;
    const { rows } = await on.query<{ key: string }>(
      `SELECT coalesce(string_agg(concat_ws(' ', name, part, version), ',' ORDER BY name, part, version), '') AS key ${of}`,
    );
    const key = rows[0]?.key ?? '';
    if (key === known.key) {
      known = { ...known, at: now() };
      return known.all;
    }
    const read = await on.query<{ document: Baseline }>(
      `SELECT document ${of} ORDER BY name, part, version`,
    );
    known = { at: now(), key, all: read.rows.map(({ document }) => document) };
    return known.all;
  }

  return {
    async read(on) {
      const listed = await on.query<ListedRow>(`SELECT ${LISTED} ${HELD}`);
      const others = await readKnown(on);
      let { rows } = listed;
      let key = keyOfRows(rows);
      if (held?.key !== key && !rows.every(({ written }) => documents.has(written))) {
        const whole = await on.query<ListedRow & { readonly document: Baseline }>(
          `SELECT ${LISTED}, b.document ${HELD}`,
        );
        const before = documents;
        ({ rows } = whole);
        key = keyOfRows(rows);
        documents = new Map(
          whole.rows.map(({ written, document }) => [written, before.get(written) ?? document]),
        );
      }
      if (held?.key !== key || held.policy.known !== others) {
        held = { key, policy: { ...policyOf(rows, documents), known: others } };
      }
      return held.policy;
    },
  };
}

const keyOfRows = (rows: readonly ListedRow[]): string =>
  rows.map(({ written }) => written).join('\n');

function policyOf(
  rows: readonly ListedRow[],
  documents: ReadonlyMap<string, Baseline>,
): Pick<HeldPolicy, 'baselines' | 'windows'> {
  const documentsOf = (some: readonly ListedRow[]) =>
    some.flatMap(({ written }) => documents.get(written) ?? []);
  const beside = Map.groupBy(rows, ({ window }) => window);
  const windows = [...beside].flatMap(([id, of]) => {
    const [first] = of;
    if (id === null || first === undefined || first.ends === null) return [];
    const until = first.ends.toISOString();
    return [{ id, name: first.name, documents: documentsOf(of), until }];
  });
  return { baselines: documentsOf(beside.get(null) ?? []), windows };
}
