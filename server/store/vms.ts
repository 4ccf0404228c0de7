import type { AssuranceClass, Labels, Vm } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

type VmRow = {
  uuid: string;
  name: string;
  classes: AssuranceClass[];
  host_labels: Labels;
  images: string[];
  warnings: NonNullable<Vm['warnings']>;
  disks: NonNullable<Vm['disks']>;
  fail_mode: NonNullable<Vm['failMode']>;
  on_loss: NonNullable<Vm['onLoss']>;
};

const COLUMNS = 'uuid, name, classes, host_labels, images, warnings, disks, fail_mode, on_loss';

const vmOf = (row: VmRow): Vm => ({
  uuid: row.uuid,
  name: row.name,
  classes: row.classes,
  hostLabels: row.host_labels,
  images: row.images,
  ...(row.warnings === 'refuse' ? { warnings: row.warnings } : {}),
  ...(row.disks.length > 0 ? { disks: row.disks } : {}),
  ...(row.fail_mode.mode === 'refuse' ? {} : { failMode: row.fail_mode }),
  ...(row.on_loss === 'flag' ? {} : { onLoss: row.on_loss }),
});

const valuesOf = (vm: Vm): unknown[] => [
  ...[vm.uuid, vm.name, vm.classes, JSON.stringify(vm.hostLabels), vm.images],
  vm.warnings ?? 'accept',
  JSON.stringify(vm.disks ?? []),
  JSON.stringify(vm.failMode ?? { mode: 'refuse' }),
  vm.onLoss ?? 'flag',
];

/** False where a VM of this uuid or name is there. */
export async function insertVm(on: Queryable, vm: Vm): Promise<boolean> {
  const { rowCount } = await on.query(
    `INSERT INTO vms (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    valuesOf(vm),
  );
  return rowCount === 1;
}

export async function vmByUuid(on: Queryable, uuid: string): Promise<Vm | null> {
  const { rows } = await on.query<VmRow>(`SELECT ${COLUMNS} FROM vms WHERE uuid = $1`, [uuid]);
  return rows[0] === undefined ? null : vmOf(rows[0]);
}

/** All but its uuid. */
export async function updateVm(on: Queryable, vm: Vm): Promise<void> {
  await on.query(
    `UPDATE vms SET name = $2, classes = $3, host_labels = $4, images = $5, warnings = $6, disks = $7,
            fail_mode = $8, on_loss = $9
      WHERE uuid = $1`,
    valuesOf(vm),
  );
}

export async function deleteVm(on: Queryable, uuid: string): Promise<void> {
  await on.query('DELETE FROM vms WHERE uuid = $1', [uuid]);
}

/** Nobody else permits, changes or removes it until the transaction ends. */
export async function lockVm(on: Queryable, uuid: string): Promise<Vm | null> {
  return (await vmsByUuid(on, [uuid], 'FOR UPDATE')).get(uuid) ?? null;
}

/** By uuid, those that are registered. */
export async function vmsByUuid(
  on: Queryable,
  uuids: readonly string[],
  lock = '',
): Promise<ReadonlyMap<string, Vm>> {
  const { rows } = await on.query<VmRow>(
    `SELECT ${COLUMNS} FROM vms WHERE uuid = ANY ($1::uuid[]) ORDER BY uuid ${lock}`,
    [uuids],
  );
  return new Map(rows.map((row) => [row.uuid, vmOf(row)] as const));
}

/** The same; nobody changes or removes them until the transaction ends. */
export const holdVms = (on: Queryable, uuids: readonly string[]) =>
  vmsByUuid(on, uuids, 'FOR SHARE');

/** By name; `after` is one. */
export async function listVms(on: Queryable, { limit, after }: PageAfter<string>): Promise<Vm[]> {
  const { rows } = await on.query<VmRow>(
    `SELECT ${COLUMNS} FROM vms WHERE $2::text IS NULL OR name > $2 ORDER BY name LIMIT $1`,
    [limit, after],
  );
  return rows.map(vmOf);
}

/** By host: registered VMs whose latest permit the machine got that stands under its name now. */
export async function lastStarted(
  on: Queryable,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, Pick<Vm, 'uuid' | 'name'>[]>> {
  if (hosts.length === 0) return new Map();
  const { rows } = await on.query<{ uuid: string; name: string; host_id: string }>(
    `SELECT v.uuid, v.name, p.host_id FROM vm_places p JOIN vms v ON v.uuid = p.vm
      WHERE p.host_id = ANY ($1) ORDER BY v.name`,
    [hosts],
  );
  const by = Map.groupBy(rows, (row) => row.host_id);
  return new Map(
    [...by].map(([host, of]) => [host, of.map(({ uuid, name }) => ({ uuid, name }))] as const),
  );
}
