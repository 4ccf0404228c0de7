import type { Labels, Vm } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { StoredState } from './host.ts';

export type MandateGround = {
  readonly akName: string;
  readonly name: string;
  readonly state: StoredState;
  /** Of its orders. */
  readonly sequence: number;
  /** Whether any VM that it got the latest permit of may start without a verdict. */
  readonly licensable: boolean;
  readonly observation: {
    readonly id: string;
    readonly until: Date;
    readonly labels: Labels;
  } | null;
};

type GroundRow = {
  ak_name: string;
  name: string;
  state: StoredState;
  orders_sequence: string;
  licensable: boolean;
  observation: string | null;
  until: Date;
  labels: Labels;
};

/** What orders follow from, besides the VMs of a host that lost its trust. */
export type OrdersGround = Pick<MandateGround, 'akName' | 'state' | 'sequence'>;

/**
 * The same of orders alone: whole fleets ask for them every few seconds, and what they cost is mostly the planning of the
 * statement, so it is of one table and prepared. Null for a host that is not there.
 */
export async function ordersGround(on: Queryable, hostId: string): Promise<OrdersGround | null> {
  const { rows } = await on.query<Pick<GroundRow, 'ak_name' | 'state' | 'orders_sequence'>>(
    'SELECT ak_name, state, orders_sequence FROM hosts WHERE id = $1 AND removed_at IS NULL',
    [hostId],
    { prepared: 'orders_ground' },
  );
  const [row] = rows;
  return row === undefined
    ? null
    : { akName: row.ak_name, state: row.state, sequence: Number(row.orders_sequence) };
}

/** As a host stands now, in one statement; null for one that is not there. */
export async function mandateGround(
  on: Queryable,
  hostId: string,
  now: Date,
): Promise<MandateGround | null> {
  const { rows } = await on.query<GroundRow>(
    `SELECT h.ak_name, h.name, h.state, h.orders_sequence,
            EXISTS (SELECT FROM vm_places p JOIN vms v ON v.uuid = p.vm
                     WHERE p.host_id = h.id AND v.fail_mode ->> 'mode' <> 'refuse') AS licensable,
            o.id AS observation, o.until, o.labels
       FROM hosts h LEFT JOIN observations o ON o.ended_at IS NULL AND o.until > $2
      WHERE h.id = $1 AND h.removed_at IS NULL`,
    [hostId, now],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { observation: id, until, labels } = row;
  return {
    ...{ akName: row.ak_name, name: row.name, state: row.state },
    ...{ sequence: Number(row.orders_sequence), licensable: row.licensable },
    observation: id === null ? null : { id, until, labels },
  };
}

/** A VM that could start at its host without a verdict, with what it was permitted there last. */
export type Licensable = Pick<Vm, 'uuid' | 'classes' | 'hostLabels' | 'warnings'> & {
  readonly failMode: NonNullable<Vm['failMode']>;
  readonly definitionDigest: string;
};

type LicensableRow = {
  uuid: string;
  classes: Vm['classes'];
  host_labels: Vm['hostLabels'];
  warnings: NonNullable<Vm['warnings']>;
  fail_mode: Licensable['failMode'];
  definition_digest: string;
};

/** More are not told to a host at once. */
const MOST = 512;

/**
 * VMs whose latest permit this host got, where that permit was deserved, and given after the record was changed last;
 * be it that the VM did not run then. Not those that are held.
 */
export async function licensableAt(on: Queryable, hostId: string): Promise<Licensable[]> {
  const { rows } = await on.query<LicensableRow>(
    `SELECT v.uuid, v.classes, v.host_labels, v.warnings, v.fail_mode, s.definition_digest
       FROM vm_places p
       JOIN vms v ON v.uuid = p.vm
       JOIN starts s ON s.vm = p.vm AND s.host_id = p.host_id AND s.at = p.at
                    AND s.month = date_trunc('month', p.at AT TIME ZONE 'UTC')::date
      WHERE p.host_id = $1 AND v.fail_mode ->> 'mode' <> 'refuse' AND p.licensable
        AND NOT v.disks @> '[{"kind": "sealed"}]'
        AND (s.decision = 'permitted' OR (s.decision = 'failed' AND s.turned_from = 'permitted'))
        AND NOT EXISTS (SELECT FROM vm_holds h WHERE h.vm = v.uuid)
      ORDER BY p.at DESC, v.uuid LIMIT ${MOST}`,
    [hostId],
  );
  return rows.map((row) => ({
    uuid: row.uuid,
    classes: row.classes,
    hostLabels: row.host_labels,
    warnings: row.warnings,
    failMode: row.fail_mode,
    definitionDigest: row.definition_digest,
  }));
}
