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
export async function openObservation(
  on: Queryable,
  now: Date,
  lock: '' | 'FOR UPDATE' = '',
): Promise<Observation | null> {
  const { rows } = await on.query<ObservationRow>(
    `SELECT id, since, until, labels, reason, made_by FROM observations
      WHERE ended_at IS NULL AND until > $1 ${lock}`,
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
