import type { AssuranceClass, Labels, Vm, VmStart } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';
import type { PageAfter } from './page.ts';

/** Where a start is in the list of a VM's starts. */
export type StartPosition = readonly [atMs: number, hostId: string, requestId: string];

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

/** By name; `after` is one. */
export async function listVms(on: Queryable, { limit, after }: PageAfter<string>): Promise<Vm[]> {
  const { rows } = await on.query<VmRow>(
    `SELECT ${COLUMNS} FROM vms WHERE $2::text IS NULL OR name > $2 ORDER BY name LIMIT $1`,
    [limit, after],
  );
  return rows.map(vmOf);
}

/** By host: registered VMs whose latest permit it got. Nobody else has asked with success since. */
export async function lastStarted(
  on: Queryable,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, Pick<Vm, 'uuid' | 'name'>[]>> {
  if (hosts.length === 0) return new Map();
  const { rows } = await on.query<{ uuid: string; name: string; host_id: string }>(
    `SELECT v.uuid, v.name, latest.host_id
       FROM (SELECT DISTINCT ON (vm) vm, host_id FROM starts
              WHERE decision = 'permitted'
                AND vm IN (SELECT vm FROM starts WHERE host_id = ANY ($1) AND decision = 'permitted')
              ORDER BY vm, at DESC) latest
       JOIN vms v ON v.uuid = latest.vm
      WHERE latest.host_id = ANY ($1) ORDER BY v.name`,
    [hosts],
  );
  const by = Map.groupBy(rows, (row) => row.host_id);
  return new Map(
    [...by].map(([host, of]) => [host, of.map(({ uuid, name }) => ({ uuid, name }))] as const),
  );
}

export type StartRecord = {
  readonly hostId: string;
  readonly requestId: string;
  readonly vm: string;
  readonly at: Date;
  readonly definitionDigest: string;
  readonly attestation: string;
} & (
  | { readonly decision: 'permitted'; readonly permitId: string }
  | { readonly decision: 'refused'; readonly code: string }
);

/**
 * False where this host's request was answered before: a request has one answer. The key holds that within a
 * month; over its end the host's lock does, under which requests are answered. A permit also says where the VM is.
 */
export async function insertStart(on: Queryable, start: StartRecord): Promise<boolean> {
  const { rows } = await on.query<{ inserted: boolean }>(
    `WITH inserted AS (
       INSERT INTO starts (host_id, request_id, vm, at, decision, code, definition_digest, permit_id,
                           attestation, month)
       SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
        WHERE NOT EXISTS (SELECT FROM starts WHERE host_id = $1::uuid AND request_id = $2::uuid)
       ON CONFLICT (host_id, request_id, month) DO NOTHING
       RETURNING vm, host_id, at, decision
     ), placed AS (
       INSERT INTO vm_places (vm, host_id, at)
       SELECT vm, host_id, at FROM inserted
        WHERE decision = 'permitted' AND vm IN (SELECT uuid FROM vms)
       ON CONFLICT (vm) DO UPDATE SET host_id = EXCLUDED.host_id, at = EXCLUDED.at
        WHERE vm_places.at <= EXCLUDED.at
     )
     SELECT EXISTS (SELECT FROM inserted) AS inserted`,
    [
      start.hostId,
      start.requestId,
      start.vm,
      start.at,
      start.decision,
      start.decision === 'refused' ? start.code : null,
      start.definitionDigest,
      start.decision === 'permitted' ? start.permitId : null,
      start.attestation,
      monthOf(start.at),
    ],
  );
  return rows[0]?.inserted === true;
}

type StartRow = {
  request_id: string;
  host_id: string;
  host_name: string;
  at: Date;
  decision: VmStart['decision'];
  code: string | null;
  definition_digest: string;
};

/** The latest first; `after` is time, host and request of one. */
export async function startsOfVm(
  on: Queryable,
  uuid: string,
  { limit, after }: PageAfter<StartPosition>,
): Promise<VmStart[]> {
  const { rows } = await on.query<StartRow>(
    `SELECT request_id, host_id, hosts.name AS host_name, at, decision, code, definition_digest
       FROM starts JOIN hosts ON hosts.id = host_id
      WHERE vm = $1
        AND ($3::timestamptz IS NULL
             OR (at, host_id, request_id) < ($3::timestamptz, $4::uuid, $5::uuid))
      ORDER BY at DESC, host_id DESC, request_id DESC LIMIT $2`,
    [uuid, limit, after && new Date(after[0]), after?.[1] ?? null, after?.[2] ?? null],
  );
  return rows.map((row) => ({
    requestId: row.request_id,
    hostId: row.host_id,
    hostName: row.host_name,
    at: row.at.toISOString(),
    decision: row.decision,
    code: row.code,
    definitionDigest: row.definition_digest,
  }));
}
