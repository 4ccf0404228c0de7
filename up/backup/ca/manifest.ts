import type pg from 'pg';
import { refuse } from '../../codes.ts';
import type { DatabaseFacts } from '../../database-facts.ts';

/** The first entry of a backup of the CA alone. Times are of the database's clock, ISO 8601. */
export type CaManifest = {
  readonly schema: 'touchstone/ca-backup/1';
  readonly createdAt: string;
  readonly version: string;
  readonly postgresMajor: number;
  readonly epoch: number;
  readonly authorities: readonly CaAuthority[];
  /** In words: what is in no file. */
  readonly notIncluded: readonly string[];
  readonly database: DatabaseFacts;
  readonly files: readonly string[];
};

export type CaAuthority = {
  readonly keyId: string;
  readonly role: 'root' | 'issuing';
  readonly state: string;
};

type CaStanding = Pick<CaManifest, 'createdAt' | 'epoch' | 'authorities'>;

/** @throws UpError CA_NOT_MADE */
export async function readCaStanding(client: pg.Client): Promise<CaStanding> {
  const known = await client.query<{ there: boolean }>(
    "SELECT to_regclass('public.ca_state') IS NOT NULL AS there",
  );
  const state =
    known.rows[0]?.there === true
      ? await client.query<{ now: Date; epoch: string }>(
          'SELECT now() AS now, epoch::text FROM ca_state',
        )
      : undefined;
  const [row] = state?.rows ?? [];
  if (row === undefined) throw refuse('CA_NOT_MADE');
  const { rows: authorities } = await client.query<CaAuthority>(
    `SELECT encode(key_id, 'hex') AS "keyId", role, state FROM authorities ORDER BY created_at, role DESC, key_id`,
  );
  return { createdAt: row.now.toISOString(), epoch: Number(row.epoch), authorities };
}

/** Authenticated by now. @throws UpError BACKUP_OF_ALL, BACKUP_NEWER */
export function caManifestIn(text: string): CaManifest {
  const manifest = JSON.parse(text) as CaManifest | { readonly schema: 'touchstone/backup/1' };
  if (manifest.schema === 'touchstone/backup/1') throw refuse('BACKUP_OF_ALL');
  if (manifest.schema !== 'touchstone/ca-backup/1') {
    throw refuse('BACKUP_NEWER', String((manifest as { schema: unknown }).schema));
  }
  return manifest;
}
