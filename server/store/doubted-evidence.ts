import type { Queryable } from './database.ts';

/** From now on, and until newer evidence moves the mark, the stored evidence says nothing of the host as it is. */
export async function doubtEvidence(on: Queryable, hostId: string): Promise<void> {
  await on.query('UPDATE hosts SET evidence_doubted = true WHERE id = $1', [hostId]);
}

/** Of a host that this transaction has locked. One that is not there is doubted. */
export async function isEvidenceDoubted(on: Queryable, hostId: string): Promise<boolean> {
  const { rows } = await on.query<{ evidence_doubted: boolean }>(
    'SELECT evidence_doubted FROM hosts WHERE id = $1',
    [hostId],
  );
  return rows[0]?.evidence_doubted !== false;
}
