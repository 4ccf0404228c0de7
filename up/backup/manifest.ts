import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { DatabaseFacts } from '../database-facts.ts';
import { refuse } from '../codes.ts';
import type { DatabaseName } from '../database-access.ts';
import { HOUSE } from '../rooms.ts';

/** The first entry of a backup. Times are of the database's clock, ISO 8601. */
export type Manifest = {
  readonly schema: 'touchstone/backup/1';
  readonly createdAt: string;
  readonly version: string;
  readonly postgresMajor: number;
  readonly deploymentId: string;
  readonly address: {
    readonly host: string;
    readonly serverPort: number;
    readonly caPort: number;
    readonly intervalSeconds: number;
  };
  readonly caEpoch: number | null;
  readonly bundleEpoch: number | null;
  readonly lastAudit: { readonly sequence: number; readonly hash: string } | null;
  readonly hosts: Readonly<Record<string, number>>;
  readonly databases: Readonly<Record<DatabaseName, DatabaseFacts>>;
  readonly files: readonly string[];
};

export async function touchstoneVersion(): Promise<string> {
  const text = await readFile(join(HOUSE, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** As `up` last wrote it down. @throws UpError DEPLOYMENT_MISSING */
export async function addressOf(dataDir: string): Promise<Manifest['address']> {
  try {
    const read = async (room: string) =>
      JSON.parse(await readFile(join(dataDir, room, 'config.json'), 'utf8')) as {
        listen: { host: string; port: number };
        intervalSeconds: number;
      };
    const { listen, intervalSeconds } = await read('server');
    const caPort = (await read('ca')).listen.port;
    return { host: listen.host, serverPort: listen.port, caPort, intervalSeconds };
  } catch (cause) {
    throw refuse('DEPLOYMENT_MISSING', dataDir, cause);
  }
}

type Standing = Pick<
  Manifest,
  'createdAt' | 'deploymentId' | 'caEpoch' | 'bundleEpoch' | 'lastAudit' | 'hosts'
>;

/** What the server's database tells of where the deployment stands. */
export async function readStanding(server: pg.Client): Promise<Standing> {
  const one = async <T extends pg.QueryResultRow>(sql: string): Promise<T | undefined> =>
    (await server.query<T>(sql)).rows[0];
  const now = await one<{ now: Date }>('SELECT now() AS now');
  const deployment = await one<{ id: string }>('SELECT id FROM deployment');
  const ca = await one<{ epoch: string }>('SELECT epoch FROM ca_bundle');
  const bundle = await one<{ epoch: string | null }>(
    'SELECT max(epoch) AS epoch FROM trust_bundles',
  );
  const audit = await one<{ sequence: string; hash: string }>(
    'SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1',
  );
  const hosts = await server.query<{ state: string; count: string }>(
    'SELECT state, count(*) FROM hosts GROUP BY state ORDER BY state',
  );
  return {
    createdAt: now?.now.toISOString() ?? '',
    deploymentId: deployment?.id ?? '',
    caEpoch: ca === undefined ? null : Number(ca.epoch),
    bundleEpoch: typeof bundle?.epoch === 'string' ? Number(bundle.epoch) : null,
    lastAudit: audit === undefined ? null : { ...audit, sequence: Number(audit.sequence) },
    hosts: Object.fromEntries(hosts.rows.map(({ state, count }) => [state, Number(count)])),
  };
}
