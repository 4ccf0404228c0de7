import type { DecidedAlone } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';

/**
 * A decision that a host made alone. False where this request is in the records already, be it as it was decided here.
 */
export async function insertTold(
  on: Queryable,
  told: Pick<DecidedAlone, 'requestId' | 'vm' | 'decision' | 'code'> & {
    readonly hostId: string;
    readonly attestation: string;
    readonly now: Date;
  },
): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO starts (host_id, request_id, vm, at, decision, code, attestation, month, told)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, true
      WHERE NOT EXISTS (SELECT FROM starts WHERE host_id = $1::uuid AND request_id = $2::uuid)
     ON CONFLICT (host_id, request_id, month) DO NOTHING`,
    [
      ...[told.hostId, told.requestId, told.vm, told.now, told.decision, told.code],
      ...[told.attestation, monthOf(told.now)],
    ],
  );
  return rowCount === 1;
}
