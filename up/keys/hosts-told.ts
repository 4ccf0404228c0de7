import type pg from 'pg';

/** As many hosts as are named. */
const NAMED = 20;
/** A host is away after so many intervals: server/services/host-state.ts. */
const STALE_INTERVALS = 3;

/** How far the hosts are with these TLS keys of the server and the CA. */
export type Told = {
  /** The first of the trust bundles up to the newest that name both; null while there is none. */
  readonly epoch: number | null;
  readonly hosts: number;
  /** Those that are there and have not shown it. */
  readonly behind: number;
  readonly named: readonly string[];
  /** They follow by themselves when they are back. */
  readonly away: number;
};

/** By what hosts stated themselves. */
export async function hostsTold(
  server: pg.Client,
  pins: { readonly server: string; readonly ca: string },
  intervalSeconds: number,
): Promise<Told> {
  const epoch = await epochOf(server, pins);
  const { rows } = await server.query<{ name: string; told: boolean; away: boolean }>(
    `SELECT name, bundle_epoch >= $1 AS told,
            last_authentic_at < now() - make_interval(secs => $2) AS away
       FROM hosts WHERE removed_at IS NULL AND state IN ('trusted', 'untrusted') ORDER BY name`,
    [epoch ?? Number.MAX_SAFE_INTEGER, STALE_INTERVALS * intervalSeconds],
  );
  const behind = rows.filter(({ told, away }) => !told && !away);
  return {
    ...{ epoch, hosts: rows.length, behind: behind.length },
    named: behind.slice(0, NAMED).map(({ name }) => name),
    away: rows.filter(({ told, away }) => !told && away).length,
  };
}

async function epochOf(
  server: pg.Client,
  pins: { readonly server: string; readonly ca: string },
): Promise<number | null> {
  const { rows } = await server.query<{ epoch: string; jws: string }>(
    'SELECT epoch, jws FROM trust_bundles ORDER BY epoch DESC LIMIT 256',
  );
  let first: number | null = null;
  for (const { epoch, jws } of rows) {
    const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8');
    const { tls } = JSON.parse(payload) as { tls?: { server: string[]; ca: string[] } };
    if (tls?.server.includes(pins.server) !== true || !tls.ca.includes(pins.ca)) break;
    first = Number(epoch);
  }
  return first;
}
