import type { MadeVerifier } from './made-verifier.ts';

/**
 * Moves what is stored into the past, as if it had come so many days before: the database's time is the real
 * one, so what is to be old has to be made so. What refers to what stays as it is.
 */
export async function makeItPast(verifier: MadeVerifier, days: number): Promise<void> {
  const back = `interval '${days} days'`;
  const dayOf = (column: string) => `((${column} - ${back}) AT TIME ZONE 'UTC')::date`;
  const monthOf = (column: string) =>
    `date_trunc('month', (${column} - ${back}) AT TIME ZONE 'UTC')::date`;
  await verifier.asAdministrator(
    `DO $$ BEGIN
       PERFORM set_config('role', 'server_migrate', true);
       PERFORM make_partition(parent, day) FROM unnest(ARRAY['evidence', 'attestations']) parent,
         (SELECT ${dayOf('received_at')} AS day FROM evidence UNION
          SELECT ${dayOf('at')} FROM attestations) days;
       PERFORM make_partition('starts', month)
         FROM (SELECT DISTINCT ${monthOf('at')} AS month FROM starts) months;
       UPDATE evidence SET received_at = received_at - ${back}, day = ${dayOf('received_at')}
        WHERE day <> '-infinity';
       UPDATE attestations SET at = at - ${back}, day = ${dayOf('at')} WHERE day <> '-infinity';
       UPDATE starts SET at = at - ${back}, month = ${monthOf('at')};
       UPDATE hosts SET last_authentic_at = last_authentic_at - ${back}, gate_told_at = gate_told_at - ${back};
       UPDATE blobs SET last_day = last_day - ${days};
     END $$`,
  );
}

/** The audit log, too. */
export async function makeAuditPast(verifier: MadeVerifier, days: number): Promise<void> {
  const back = `interval '${days} days'`;
  const month = `date_trunc('month', (at - ${back}) AT TIME ZONE 'UTC')::date`;
  await verifier.asAdministrator(
    `DO $$ BEGIN
       PERFORM set_config('role', 'server_migrate', true);
       PERFORM make_partition('audit', month) FROM (SELECT DISTINCT ${month} AS month FROM audit) months;
       UPDATE audit SET at = at - ${back}, month = ${month};
     END $$`,
  );
}
