type AsAdministrator = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/**
 * Many hosts more, each a copy of the one with this id but for what `changed` says: SQL of a jsonb object, in which
 * `n` is the number of the copy. What the database computes by itself it computes for each.
 */
export async function addCopiesOf(
  asAdministrator: AsAdministrator,
  hostId: string,
  { from, to, changed }: { readonly from: number; readonly to: number; readonly changed: string },
): Promise<void> {
  const [row] = await asAdministrator(
    `SELECT string_agg(quote_ident(column_name), ', ') AS columns FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name = 'hosts' AND is_generated = 'NEVER'`,
  );
  const columns = String(row?.['columns']);
  await asAdministrator(
    `INSERT INTO hosts (${columns})
     SELECT ${columns} FROM (
       SELECT (jsonb_populate_record(h, ${changed})).*
         FROM hosts AS h, generate_series($2::int, $3::int) AS n WHERE h.id = $1) AS copies`,
    [hostId, from, to],
  );
}
