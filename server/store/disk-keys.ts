import type { DiskKeyRecord, DiskName } from '@touchstone/schemas';
import type { Queryable } from './database.ts';

/** `sealed`: see services/sealed-disk-key.ts. */
export type StoredDiskKey = {
  readonly vm: string;
  readonly disk: DiskName;
  readonly sealed: Uint8Array;
};

/** What is known of them; no key is among it. */
export async function listDiskKeys(on: Queryable, vm: string): Promise<DiskKeyRecord[]> {
  const { rows } = await on.query<{ disk: DiskName; set_by: string; set_at: Date }>(
    'SELECT disk, set_by, set_at FROM disk_keys WHERE vm = $1 ORDER BY disk',
    [vm],
  );
  return rows.map(({ disk, set_by: setBy, set_at: at }) => ({
    ...{ disk, setBy, setAt: at.toISOString() },
  }));
}

export async function diskKeysOf(on: Queryable, vms: readonly string[]): Promise<StoredDiskKey[]> {
  if (vms.length === 0) return [];
  const { rows } = await on.query<StoredDiskKey>(
    'SELECT vm, disk, sealed FROM disk_keys WHERE vm = ANY ($1::uuid[])',
    [vms],
  );
  return rows;
}

/** Whether this deployment has any. */
export async function hasDiskKeys(on: Queryable): Promise<boolean> {
  const { rows } = await on.query<{ has: boolean }>('SELECT EXISTS (SELECT FROM disk_keys) AS has');
  return rows[0]?.has === true;
}

export async function putDiskKey(
  on: Queryable,
  { vm, disk, sealed }: StoredDiskKey,
  by: { readonly setBy: string; readonly setAt: Date },
): Promise<void> {
  await on.query(
    `INSERT INTO disk_keys (vm, disk, sealed, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (vm, disk) DO UPDATE
       SET sealed = EXCLUDED.sealed, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at`,
    [vm, disk, sealed, by.setBy, by.setAt],
  );
}

/** False where there is none. */
export async function deleteDiskKey(on: Queryable, vm: string, disk: DiskName): Promise<boolean> {
  const { rowCount } = await on.query('DELETE FROM disk_keys WHERE vm = $1 AND disk = $2', [
    vm,
    disk,
  ]);
  return rowCount === 1;
}
