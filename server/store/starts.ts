import type { Finding, StartRequest, VmStart } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { monthOf } from './day.ts';
import type { PageAfter } from './page.ts';

/** Where a start is in the list of a VM's starts. */
export type StartPosition = readonly [atMs: number, hostId: string, requestId: string];

/** Of these the ones that this host's evidence has asked before, whatever became of them. */
export async function answeredRequests(
  on: Queryable,
  hostId: string,
  requestIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await on.query<{ request_id: string }>(
    'SELECT request_id FROM starts WHERE host_id = $1 AND request_id = ANY ($2::uuid[])',
    [hostId, requestIds],
  );
  return new Set(rows.map(({ request_id: requestId }) => requestId));
}

export type StartRecord = { readonly request: StartRequest } & (
  | { readonly decision: 'permitted'; readonly permitId: string }
  | {
      readonly decision: 'observed';
      readonly permitId: string;
      readonly code: string;
      readonly finding: Finding;
    }
  | { readonly decision: 'refused'; readonly code: string; readonly finding: Finding }
);

/**
 * Decisions about one statement's requests. A request has one answer: the key holds that within a month, and over its
 * end the host's lock does, under which requests are answered. A permit also says where the VM is, but for a host
 * that nobody admitted; VMs that are registered are held by whoever decided.
 */
export async function insertStarts(
  on: Queryable,
  given: {
    readonly hostId: string;
    readonly attestation: string;
    readonly at: Date;
    readonly starts: readonly StartRecord[];
  },
): Promise<void> {
  const { hostId, attestation, at, starts } = given;
  if (starts.length === 0) return;
  const column = (of: (start: StartRecord) => string | null) => starts.map(of);
  await on.query(
    `WITH inserted AS (
       INSERT INTO starts (host_id, request_id, vm, at, decision, code, definition_digest, permit_id,
                           operation, door, finding, attestation, month, machine)
       SELECT $1, request_id, vm, $3, decision, code, definition_digest, permit_id, operation, door, finding::jsonb,
              $2, $4, (SELECT machine FROM hosts WHERE id = $1)
         FROM unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[],
                     $12::text[], $13::text[])
           AS t (request_id, vm, decision, code, definition_digest, permit_id, operation, door, finding)
       RETURNING vm, decision
     )
     INSERT INTO vm_places (vm, host_id, at)
     SELECT DISTINCT vm, $1::uuid, $3::timestamptz FROM inserted
      WHERE decision <> 'refused' AND vm IN (SELECT uuid FROM vms)
        AND EXISTS (SELECT FROM hosts WHERE id = $1 AND state <> 'pending') ORDER BY vm
     ON CONFLICT (vm) DO UPDATE SET host_id = EXCLUDED.host_id, at = EXCLUDED.at, licensable = true
      WHERE vm_places.at <= EXCLUDED.at`,
    [
      ...[hostId, attestation, at, monthOf(at)],
      column(({ request }) => request.requestId),
      column(({ request }) => request.vm),
      column(({ decision }) => decision),
      column((start) => (start.decision === 'permitted' ? null : start.code)),
      column(({ request }) => request.definitionDigest),
      column((start) => (start.decision === 'refused' ? null : start.permitId)),
      column(({ request }) => request.operation),
      column(({ request }) => request.door ?? null),
      column((start) => (start.decision === 'permitted' ? null : JSON.stringify(start.finding))),
    ],
  );
}

type StartRow = {
  request_id: string;
  host_id: string;
  host_name: string;
  at: Date;
  decision: VmStart['decision'];
  code: string | null;
  definition_digest: string | null;
  told: boolean;
};

/** The latest first; `after` is time, host and request of one. */
export async function startsOfVm(
  on: Queryable,
  uuid: string,
  { limit, after }: PageAfter<StartPosition>,
): Promise<VmStart[]> {
  const { rows } = await on.query<StartRow>(
    `SELECT request_id, host_id, hosts.name AS host_name, at, decision, code,
            definition_digest, told
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
    ...(row.told ? { told: true as const } : {}),
  }));
}
