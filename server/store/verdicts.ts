import type { EvidenceOfVerdict, OwnContext, StoredVerdict, VerdictDay } from '@touchstone/schemas';
import { type AttestationRow, ATTESTATION_COLUMNS } from './attestations.ts';
import type { Queryable } from './database.ts';
import { dayOf } from './day.ts';
import type { EvidenceRow } from './evidence.ts';
import type { PageAfter } from './page.ts';

type VerdictRow = AttestationRow & {
  of: (Omit<EvidenceRow, Binary | 'received_at'> & Readonly<Record<Binary, string>> & Times) | null;
};
/** As JSON says them. */
type Binary = 'statement' | 'attest' | 'signature' | 'ak_public' | 'ak_certificate';
type Times = { received_at: string };

/**
 * A verdict with its evidence, of whichever day that is: one that an approval led to may be of an earlier one. Bytes are in
 * hex, which to_jsonb gives as \x and digits.
 */
const VERDICTS = `
  SELECT ${ATTESTATION_COLUMNS}, (
           SELECT to_jsonb(e) FROM evidence e WHERE e.digest = a.evidence LIMIT 1) AS of
    FROM attestations a`;

const KEPT = '-infinity';
/** A thirtieth of February is some day in March. */
const columnOf = (day: VerdictDay): string =>
  day === 'kept' ? KEPT : dayOf(new Date(`${day}T00:00:00Z`));

/** The latest first. */
export async function verdictDays(on: Queryable): Promise<VerdictDay[]> {
  const { rows } = await on.query<{ day: string }>('SELECT verdict_days()::text AS day');
  return rows.map(({ day }) => (day === KEPT ? 'kept' : day));
}

export async function verdictById(on: Queryable, id: string): Promise<StoredVerdict | null> {
  const { rows } = await on.query<VerdictRow>(`${VERDICTS} WHERE a.id = $1`, [id]);
  return rows[0] === undefined ? null : verdictOf(rows[0]);
}

/** By id, which the primary key has in order; `after` is one. */
export async function verdictsOfDay(
  on: Queryable,
  day: VerdictDay,
  { limit, after }: PageAfter<string>,
): Promise<StoredVerdict[]> {
  const { rows } = await on.query<VerdictRow>(
    `${VERDICTS} WHERE a.day = $1::date AND ($2::uuid IS NULL OR a.id > $2) ORDER BY a.id LIMIT $3`,
    [columnOf(day), after, limit],
  );
  return rows.map(verdictOf);
}

const verdictOf = (row: VerdictRow): StoredVerdict => ({
  id: row.id,
  hostId: row.host_id,
  at: row.at.toISOString(),
  cause: row.cause,
  class: row.class,
  labels: row.labels,
  baselines: row.baselines,
  policyId: row.policy_id,
  verdict: row.verdict,
  state: row.state,
  selfReported: row.self_reported,
  findings: row.findings,
  events: row.events,
  result: row.result,
  evidenceDigest: row.evidence,
  evidence: evidenceOf(row),
  context: contextOf(row),
});

function evidenceOf({ of }: VerdictRow): EvidenceOfVerdict | null {
  if (of === null) return null;
  const { statement, attest, signature, pcrs, blobs, ima_list: digest, ima_more: more } = of;
  return {
    ...{ pcrs, blobs, statement: base64Url(statement) },
    imaList: digest === null ? null : { digest: digest === '' ? null : digest, more },
    quote: { attest: base64Url(attest), signature: base64Url(signature) },
  };
}

function contextOf(row: VerdictRow): StoredVerdict['context'] {
  const { context: digest, shared_context: shared, outcome } = row;
  if (digest === null || shared === null || outcome === null) return null;
  return { digest, shared, outcome, own: ownOf(row) };
}

function ownOf({ of, ...row }: VerdictRow): OwnContext | null {
  if (of === null || of.ak_public === null) return null;
  return {
    purpose: of.purpose,
    hostId: row.host_id,
    class: row.class,
    labels: row.labels,
    selection: of.selection,
    akPublic: base64Url(of.ak_public),
    akCertificate: base64Url(of.ak_certificate),
    receivedAt: new Date(of.received_at).toISOString(),
    now: row.at.toISOString(),
    // What no column has, and else nothing.
    ...{ bundleEpochMin: null, imaPrior: null, ...row.own_context },
  };
}

const base64Url = (hex: string): string =>
  Buffer.from(hex.replace(/^\\x/u, ''), 'hex').toString('base64url');
