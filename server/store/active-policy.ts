import type { Baseline } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** The active documents, each read once for as long as its row stays as it is. */
export type ActivePolicy = {
  readonly read: (on: Queryable) => Promise<readonly Baseline[]>;
};

/**
 * Names what is written in a row: whoever writes it, in whatever way, changes xmin (PostgreSQL, 5.6), which
 * comes no second time while one server process runs on one cluster.
 */
const WRITTEN = `concat_ws(' ', name, part, version, xmin, pg_postmaster_start_time())`;
const ACTIVE = `FROM baselines WHERE state = 'active' ORDER BY name, part`;

export function activePolicy(): ActivePolicy {
  let held: ReadonlyMap<string, Baseline> = new Map();
  return {
    async read(on) {
      const { rows } = await on.query<{ written: string }>(
        `SELECT ${WRITTEN} AS written ${ACTIVE}`,
      );
      const known = rows.map(({ written }) => held.get(written));
      if (known.every((one) => one !== undefined)) return known;
      const all = await on.query<{ written: string; document: Baseline }>(
        `SELECT ${WRITTEN} AS written, document ${ACTIVE}`,
      );
      const before = held;
      held = new Map(
        all.rows.map(({ written, document }) => [written, before.get(written) ?? document]),
      );
      return [...held.values()];
    },
  };
}
