import type { DecidedAlone } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';

/**
 * Decisions that a host made alone. @returns those that are new: a request that is in the records already stays as it is,
 * be it as it was decided here.
 */
export async function insertTold(
  on: Queryable,
  { hostId, attestation, now }: { hostId: string; attestation: string; now: Date },
  told: readonly DecidedAlone[],
): Promise<DecidedAlone[]> {
  const byRequest = new Map(told.map((each) => [each.requestId, each]));
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

/**
 * A start that the server permitted to this host, and that it refused afterwards: never the other way, and only once. The
 * permit stays with it. False where there is nothing to turn.
 */
export async function turnPermitted(
  on: Queryable,
  told: Pick<DecidedAlone, 'requestId' | 'vm' | 'code'> & { readonly hostId: string },
): Promise<boolean> {
  const { rows } = await on.query<{ turned: boolean }>(
    'SELECT refuse_permitted_start($1, $2, $3, $4) AS turned',
    [told.hostId, told.requestId, told.vm, told.code],
  );
  return rows[0]?.turned === true;
}
