import type { AssuranceClass, Replacement } from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { dayOf } from './day.ts';
import type { Mark } from './host.ts';

/** How many wait for one host at once: whoever brings certified AKs fills no table. */
const MAX_WAITING = 16;

/** An identity for a host, as its first evidence proved it. */
export type OfferedIdentity = {
  readonly class: AssuranceClass;
  readonly ekRef: string;
  readonly akName: string;
  /** TPM2B_PUBLIC. */
  readonly akPublic: Uint8Array;
  /** DER. */
  readonly akCertificate: Uint8Array;
  /** TPM2B_PUBLIC. */
  readonly bindingPublic: Uint8Array;
  readonly mark: Mark;
  readonly evidence: string;
};

export type Offer = OfferedIdentity & {
  readonly id: string;
  readonly hostId: string;
  readonly kind: Replacement['kind'];
  readonly at: Date;
};

/** Where an offer of this AK for this host stands; null where there is none. Counts that it came again. */
export async function countOffer(
  on: Queryable,
  { hostId, akName, at }: Pick<Offer, 'hostId' | 'akName' | 'at'>,
): Promise<Replacement['state'] | null> {
  const { rows } = await on.query<{ state: Replacement['state'] }>(
    `UPDATE replacements SET times = times + 1, last_at = $3
      WHERE host_id = $1 AND ak_name = $2 RETURNING state`,
    [hostId, akName, at],
  );
  return rows[0]?.state ?? null;
}

/** The host is locked, so that the count holds. */
export async function hasRoom(on: Queryable, hostId: string): Promise<boolean> {
  const { rows } = await on.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM replacements WHERE host_id = $1 AND state = 'waiting'`,
    [hostId],
  );
  return (rows[0]?.waiting ?? MAX_WAITING) < MAX_WAITING;
}

export async function insertOffer(on: Queryable, offer: Offer): Promise<void> {
  await on.query(
    `INSERT INTO replacements (id, host_id, kind, class, ek_ref, ak_name, ak_public, ak_certificate,
                               reset_count, restart_count, clock, evidence, first_at, last_at,
                               binding_public, evidence_day)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15)`,
    [
      offer.id,
      offer.hostId,
      offer.kind,
      offer.class,
      offer.ekRef,
      offer.akName,
      offer.akPublic,
      offer.akCertificate,
      offer.mark.resetCount.toString(),
      offer.mark.restartCount.toString(),
      offer.mark.clock.toString(),
      offer.evidence,
      offer.at,
      offer.bindingPublic,
      dayOf(offer.at),
    ],
  );
}

type OfferRow = {
  id: string;
  host_id: string;
  kind: Replacement['kind'];
  state: Replacement['state'];
  class: AssuranceClass;
  ek_ref: string;
  ak_name: string;
  ak_public: Buffer;
  ak_certificate: Buffer;
  reset_count: string;
  restart_count: string;
  clock: string;
  evidence: string;
  evidence_day: string | null;
  first_at: Date;
  binding_public: Buffer;
};

/** `evidenceDay`: of its partition; null for one that was decided, which holds its evidence no more. */
export type StoredOffer = Offer & {
  readonly state: Replacement['state'];
  readonly evidenceDay: string | null;
};

/** Nobody else decides about it until the transaction ends. */
export async function lockOffer(on: Queryable, id: string): Promise<StoredOffer | null> {
  const { rows } = await on.query<OfferRow>(
    `SELECT id, host_id, kind, state, class, ek_ref, ak_name, ak_public, ak_certificate, reset_count,
            restart_count, clock, evidence, evidence_day::text, first_at, binding_public
       FROM replacements WHERE id = $1 FOR UPDATE`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return {
    id: row.id,
    hostId: row.host_id,
    kind: row.kind,
    state: row.state,
    class: row.class,
    ekRef: row.ek_ref,
    akName: row.ak_name,
    akPublic: row.ak_public,
    akCertificate: row.ak_certificate,
    bindingPublic: row.binding_public,
    mark: {
      resetCount: BigInt(row.reset_count),
      restartCount: BigInt(row.restart_count),
      clock: BigInt(row.clock),
    },
    evidence: row.evidence,
    evidenceDay: row.evidence_day,
    at: row.first_at,
  };
}

export async function decideOffer(
  on: Queryable,
  id: string,
  decision: {
    readonly state: 'approved' | 'rejected';
    readonly by: string;
    readonly at: Date;
  },
): Promise<void> {
  await on.query(
    `UPDATE replacements SET state = $2, decided_by = $3, decided_at = $4, evidence_day = NULL
      WHERE id = $1`,
    [id, decision.state, decision.by, decision.at],
  );
}

type ViewRow = {
  id: string;
  host_id: string;
  host_name: string;
  kind: Replacement['kind'];
  state: Replacement['state'];
  recorded: Replacement['recorded'];
  offered: Replacement['offered'];
  times: string;
  first_at: Date;
  last_at: Date;
  decided_by: string | null;
  decided_at: Date | null;
};

/** Those that wait first, the latest first. By id, that one. */
export async function listReplacements(on: Queryable, id?: string): Promise<Replacement[]> {
  const { rows } = await on.query<ViewRow>(
    `SELECT r.id, r.host_id, h.name AS host_name, r.kind, r.state, r.times, r.first_at, r.last_at,
            r.decided_by, r.decided_at,
            json_build_object('akName', h.ak_name, 'ekRef', h.ek_ref, 'class', h.class) AS recorded,
            json_build_object('akName', r.ak_name, 'ekRef', r.ek_ref, 'class', r.class) AS offered
       FROM replacements r JOIN hosts h ON h.id = r.host_id
      WHERE h.removed_at IS NULL AND ($1::uuid IS NULL OR r.id = $1)
      ORDER BY r.state = 'waiting' DESC, r.last_at DESC, r.id LIMIT 1000`,
    [id ?? null],
  );
  return rows.map((row) => ({
    id: row.id,
    hostId: row.host_id,
    hostName: row.host_name,
    kind: row.kind,
    state: row.state,
    recorded: row.recorded,
    offered: row.offered,
    times: Number(row.times),
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    decidedBy: row.decided_by,
    decidedAt: row.decided_at?.toISOString() ?? null,
  }));
}
