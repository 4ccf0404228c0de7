import type { Labels } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** A time in which nothing is refused. */
export type Observation = {
  readonly id: string;
  readonly since: Date;
  readonly until: Date;
  readonly labels: Labels;
  readonly reason: string;
  readonly by: string;
};

type ObservationRow = Omit<Observation, 'by'> & { made_by: string };

/** The one that lasts now, if there is one. */
export async function openObservation(on: Queryable, now: Date): Promise<Observation | null> {
  const { rows } = await on.query<ObservationRow>(
    `SELECT id, since, until, labels, reason, made_by FROM observations
      WHERE ended_at IS NULL AND until > $1`,
    [now],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { made_by: by, ...observation } = row;
  return { ...observation, by };
}

export async function insertObservation(on: Queryable, observation: Observation): Promise<void> {
  const { id, since, until, labels, reason, by } = observation;
  await on.query(
    `INSERT INTO observations (id, since, until, labels, reason, made_by)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [id, since, until, JSON.stringify(labels), reason, by],
  );
}

/** Whichever there is, ended or about to. @returns whether one lasted still */
export async function endObservations(
  on: Queryable,
  { now, by }: { readonly now: Date; readonly by: string },
): Promise<boolean> {
  const { rows } = await on.query<{ lasted: boolean }>(
    `UPDATE observations SET ended_at = least($1, until),
            ended_by = CASE WHEN until > $1 THEN $2 ELSE 'verifier: its time was up' END
      WHERE ended_at IS NULL RETURNING until > $1 AS lasted`,
    [now, by],
  );
  return rows.some(({ lasted }) => lasted);
}

/** The one whose time is up and that nobody ended. @returns when it ended, for whoever is the first to look */
export async function endPassed(on: Queryable, now: Date): Promise<Date | null> {
  const { rows } = await on.query<{ until: Date }>(
    `UPDATE observations SET ended_at = until, ended_by = 'verifier: its time was up'
      WHERE ended_at IS NULL AND until <= $1 RETURNING until`,
    [now],
  );
  return rows[0]?.until ?? null;
}

/** `told`: people heard of it within a day. */
export async function observationToRemindOf(
  on: Queryable,
  now: Date,
): Promise<Pick<Observation, 'until' | 'reason'> | 'told' | 'none'> {
  const lasting = await openObservation(on, now);
  if (lasting === null) return 'none';
  const { rows } = await on.query(
    `SELECT FROM alerts WHERE code = 'OBSERVE_MODE' AND last_at > $1::timestamptz - interval '1 day'`,
    [now],
  );
  return rows.length > 0 ? 'told' : lasting;
}
