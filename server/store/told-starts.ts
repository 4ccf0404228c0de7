import type { DecidedAlone } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';

/**
 * Decisions that a host made alone, of a request the last that was told, but for one that runs: that is what it was let go
 * as, first. @returns those that are new: a request that is in the records already stays as it is, be it as it was decided
 * here.
 */
export async function insertTold(
  on: Queryable,
  { hostId, attestation, now }: { hostId: string; attestation: string; now: Date },
  told: readonly DecidedAlone[],
): Promise<DecidedAlone[]> {
  const byRequest = new Map<string, DecidedAlone>();
  for (const each of told) {
    if (each.decision === 'differs' && byRequest.has(each.requestId)) continue;
    byRequest.set(each.requestId, each);
  }
  if (byRequest.size === 0) return [];
  const column = (of: (each: DecidedAlone) => string) => [...byRequest.values()].map(of);
  const { rows } = await on.query<{ request_id: string }>(
    `INSERT INTO starts (host_id, request_id, vm, at, decision, code, attestation, month, told, machine)
     SELECT $1, request_id, vm, $2, decision, code, $3, $4, true, (SELECT machine FROM hosts WHERE id = $1)
       FROM unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[]) AS t (request_id, vm, decision, code)
      WHERE NOT EXISTS (SELECT FROM starts s WHERE s.host_id = $1::uuid AND s.request_id = t.request_id)
     ON CONFLICT (host_id, request_id, month) DO NOTHING
     RETURNING request_id`,
    [
      ...[hostId, now, attestation, monthOf(now)],
      column(({ requestId }) => requestId),
      column(({ vm }) => vm),
      column(({ decision }) => decision),
      column(({ code }) => code),
    ],
  );
  const inserted = new Set(rows.map(({ request_id: requestId }) => requestId));
  return [...byRequest.values()].filter(({ requestId }) => inserted.has(requestId));
}

/** What a start was before its host told what became of it. */
export type TurnedFrom = 'permitted' | 'observed' | 'licensed';

/** What is told of a start that was let go before. */
export type Turn = DecidedAlone & { readonly decision: 'refused' | 'failed' | 'differs' };

export const isTurn = (told: DecidedAlone): told is Turn =>
  told.decision !== 'licensed' && told.decision !== 'observed';

/**
 * What became of a start that was let go, by the server or by this host alone: never the other way, and only once. A
 * permit stays with it. Null where there is nothing to turn.
 */
export async function turnStart(
  on: Queryable,
  { hostId, requestId, vm, decision, code }: Turn & { readonly hostId: string },
): Promise<TurnedFrom | null> {
  const { rows } = await on.query<{ before: TurnedFrom | null }>(
    'SELECT turn_start($1, $2, $3, $4, $5) AS before',
    [hostId, requestId, vm, decision, code],
  );
  return rows[0]?.before ?? null;
}
