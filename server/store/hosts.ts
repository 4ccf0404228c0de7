import type { AssuranceClass, HostState, Labels } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import type { PageAfter } from './page.ts';

/** Where a host is in the list of hosts. */
export type HostPosition = readonly [pending: boolean, name: string];

/** What is stored; `stale` is derived when reading. */
export type StoredState = Exclude<HostState, 'stale'>;

export type Standing = {
  readonly state: StoredState;
  /** The latest boot in which the host was bad; null unless it is untrusted. */
  readonly untrustedResetCount: bigint | null;
};

/** The TPM's counters: each greater than the last, or the evidence is not newer. */
export type Mark = {
  readonly resetCount: bigint;
  readonly restartCount: bigint;
  readonly clock: bigint;
};

export type Host = Standing & {
  readonly id: string;
  readonly name: string;
  readonly stateSince: Date;
  readonly class: AssuranceClass;
  readonly admissibleClasses: AssuranceClass[];
  readonly labels: Labels;
  readonly ekRef: string;
  readonly akName: string;
  /** TPM2B_PUBLIC. */
  readonly akPublic: Uint8Array;
  /** DER. */
  readonly akCertificate: Uint8Array;
  readonly approvedAkName: string | null;
  readonly enrolledAt: Date;
  readonly mark: Mark;
  readonly markEvidence: string;
  readonly lastAuthenticAt: Date;
  readonly latestAttestation: string;
  /** The newest trust bundle that its statements have shown. */
  readonly bundleEpoch: number;
  /** TPM2B_PUBLIC of the key that secrets are bound to. */
  readonly bindingPublic: Uint8Array;
};

type HostRow = {
  id: string;
  name: string;
  state: StoredState;
  state_since: Date;
  class: AssuranceClass;
  admissible_classes: AssuranceClass[];
  labels: Labels;
  ek_ref: string;
  ak_name: string;
  ak_public: Buffer;
  ak_certificate: Buffer;
  approved_ak_name: string | null;
  enrolled_at: Date;
  reset_count: string;
  restart_count: string;
  clock: string;
  mark_evidence: string;
  last_authentic_at: Date;
  untrusted_reset_count: string | null;
  latest_attestation: string;
  bundle_epoch: string;
  binding_public: Buffer;
};

const COLUMNS = `id, name, state, state_since, class, admissible_classes, labels, ek_ref, ak_name,
  ak_public, ak_certificate, approved_ak_name, enrolled_at, reset_count, restart_count, clock,
  mark_evidence, last_authentic_at, untrusted_reset_count, latest_attestation, bundle_epoch,
  binding_public`;

const hostOf = (row: HostRow): Host => ({
  id: row.id,
  name: row.name,
  state: row.state,
  stateSince: row.state_since,
  class: row.class,
  admissibleClasses: row.admissible_classes,
  labels: row.labels,
  ekRef: row.ek_ref,
  akName: row.ak_name,
  akPublic: row.ak_public,
  akCertificate: row.ak_certificate,
  approvedAkName: row.approved_ak_name,
  enrolledAt: row.enrolled_at,
  mark: {
    resetCount: BigInt(row.reset_count),
    restartCount: BigInt(row.restart_count),
    clock: BigInt(row.clock),
  },
  markEvidence: row.mark_evidence,
  lastAuthenticAt: row.last_authentic_at,
  untrustedResetCount:
    row.untrusted_reset_count === null ? null : BigInt(row.untrusted_reset_count),
  latestAttestation: row.latest_attestation,
  bundleEpoch: Number(row.bundle_epoch),
  bindingPublic: row.binding_public,
});

type Key = 'id' | 'name' | 'ak_name' | 'ek_ref';

async function hostBy(on: Queryable, key: Key, value: string, lock = ''): Promise<Host | null> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${COLUMNS} FROM hosts WHERE ${key} = $1 ${lock}`,
    [value],
  );
  return rows[0] === undefined ? null : hostOf(rows[0]);
}

export const hostById = (on: Queryable, id: string) => hostBy(on, 'id', id);
export const hostByName = (on: Queryable, name: string) => hostBy(on, 'name', name);
export const hostByAkName = (on: Queryable, akName: string) => hostBy(on, 'ak_name', akName);
export const hostByEkRef = (on: Queryable, ekRef: string) => hostBy(on, 'ek_ref', ekRef);
/** Nobody else moves the host until the transaction ends. */
export const lockHost = (on: Queryable, id: string) => hostBy(on, 'id', id, 'FOR UPDATE');

/**
 * By name; those that somebody admitted come before those that wait, for anybody can bring hosts that wait.
 * `after` says of one whether it waits, and its name.
 */
export async function listHosts(
  on: Queryable,
  { limit, after }: PageAfter<HostPosition>,
): Promise<Host[]> {
  const { rows } = await on.query<HostRow>(
    `SELECT ${COLUMNS} FROM hosts
      WHERE $2::boolean IS NULL OR (state = 'pending', name) > ($2, $3)
      ORDER BY state = 'pending', name LIMIT $1`,
    [limit, ...(after ?? [null, null])],
  );
  return rows.map(hostOf);
}

export type HostCount = {
  readonly state: StoredState;
  readonly stale: boolean;
  readonly class: AssuranceClass;
  readonly count: number;
};

export async function countHostsByState(on: Queryable, staleBefore: Date): Promise<HostCount[]> {
  const { rows } = await on.query<HostCount>(
    `SELECT state, class, state IN ('trusted', 'untrusted') AND last_authentic_at < $1 AS stale,
            count(*)::integer AS count
       FROM hosts GROUP BY 1, 2, 3`,
    [staleBefore],
  );
  return rows;
}

/** All of them, in the order in which they are to be locked. */
export async function hostsHeldToBaselines(on: Queryable): Promise<string[]> {
  const { rows } = await on.query<{ id: string }>(
    `SELECT id FROM hosts WHERE state IN ('trusted', 'untrusted') ORDER BY name`,
  );
  return rows.map(({ id }) => id);
}

/** @throws unique_violation on hosts_name_key, hosts_ek_ref_key or hosts_ak_name_key. */
export async function insertHost(on: Queryable, host: Host): Promise<void> {
  await on.query(
    `INSERT INTO hosts (${COLUMNS}) VALUES
       ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22)`,
    [
      host.id,
      host.name,
      host.state,
      host.stateSince,
      host.class,
      host.admissibleClasses,
      JSON.stringify(host.labels),
      host.ekRef,
      host.akName,
      host.akPublic,
      host.akCertificate,
      host.approvedAkName,
      host.enrolledAt,
      host.mark.resetCount.toString(),
      host.mark.restartCount.toString(),
      host.mark.clock.toString(),
      host.markEvidence,
      host.lastAuthenticAt,
      host.untrustedResetCount?.toString() ?? null,
      host.latestAttestation,
      host.bundleEpoch,
      host.bindingPublic,
    ],
  );
}

/**
 * Moves the mark, and locks the host until the transaction ends. Single use of evidence is this one
 * statement: only counters greater than those seen move it, so that of two deliveries of one piece, to
 * whatever replica, one moves it and the other gets null.
 */
export async function moveMark(
  on: Queryable,
  moved: {
    readonly akName: string;
    readonly mark: Mark;
    readonly evidence: string;
    readonly now: Date;
  },
): Promise<Host | null> {
  const { rows } = await on.query<HostRow>(
    `UPDATE hosts
        SET reset_count = $2, restart_count = $3, clock = $4,
            mark_evidence = $5, last_authentic_at = $6
      WHERE ak_name = $1 AND (reset_count, restart_count, clock) < ($2::numeric, $3::numeric, $4::numeric)
      RETURNING ${COLUMNS}`,
    [
      moved.akName,
      moved.mark.resetCount.toString(),
      moved.mark.restartCount.toString(),
      moved.mark.clock.toString(),
      moved.evidence,
      moved.now,
    ],
  );
  return rows[0] === undefined ? null : hostOf(rows[0]);
}

/** `since` moves only when the state does. */
export async function setStanding(
  on: Queryable,
  id: string,
  { state, untrustedResetCount }: Standing,
  { now, attestation }: { readonly now: Date; readonly attestation?: string },
): Promise<void> {
  await on.query(
    `UPDATE hosts
        SET state_since = CASE WHEN state = $2 THEN state_since ELSE $4 END,
            state = $2, untrusted_reset_count = $3,
            latest_attestation = coalesce($5, latest_attestation)
      WHERE id = $1`,
    [id, state, untrustedResetCount?.toString() ?? null, now, attestation ?? null],
  );
}

export async function recordApproval(
  on: Queryable,
  id: string,
  approval: {
    readonly akName: string;
    readonly classes: readonly AssuranceClass[];
    readonly labels: Labels;
  },
): Promise<void> {
  await on.query(
    `UPDATE hosts SET approved_ak_name = $2, admissible_classes = $3, labels = $4 WHERE id = $1`,
    [id, approval.akName, approval.classes, JSON.stringify(approval.labels)],
  );
}

export async function setCertificate(
  on: Queryable,
  id: string,
  akCertificate: Uint8Array,
): Promise<void> {
  await on.query('UPDATE hosts SET ak_certificate = $2 WHERE id = $1', [id, akCertificate]);
}

/**
 * Another identity in the place of the recorded one, approved in the same statement. The history of counters
 * starts again with its own.
 */
export async function replaceIdentity(
  on: Queryable,
  id: string,
  identity: Pick<
    Host,
    | 'ekRef'
    | 'akName'
    | 'akPublic'
    | 'akCertificate'
    | 'bindingPublic'
    | 'mark'
    | 'markEvidence'
    | 'lastAuthenticAt'
  > & {
    readonly class: AssuranceClass;
    readonly admissibleClasses: readonly AssuranceClass[];
    readonly labels: Labels;
  },
): Promise<void> {
  await on.query(
    `UPDATE hosts
        SET ek_ref = $2, ak_name = $3, approved_ak_name = $3, ak_public = $4, ak_certificate = $5,
            class = $6, admissible_classes = $7, labels = $8, reset_count = $9, restart_count = $10,
            clock = $11, mark_evidence = $12, last_authentic_at = $13, binding_public = $14
      WHERE id = $1`,
    [
      id,
      identity.ekRef,
      identity.akName,
      identity.akPublic,
      identity.akCertificate,
      identity.class,
      identity.admissibleClasses,
      JSON.stringify(identity.labels),
      identity.mark.resetCount.toString(),
      identity.mark.restartCount.toString(),
      identity.mark.clock.toString(),
      identity.markEvidence,
      identity.lastAuthenticAt,
      identity.bindingPublic,
    ],
  );
}

/** Never back. */
export async function setBundleEpoch(on: Queryable, id: string, epoch: number): Promise<void> {
  await on.query('UPDATE hosts SET bundle_epoch = greatest(bundle_epoch, $2) WHERE id = $1', [
    id,
    epoch,
  ]);
}
