import type {
  AssuranceClass,
  BaselineReference,
  Finding,
  HostState,
  Labels,
  MeasuredEvent,
  Verdict,
} from '@touchstone/schemas';
import type { Queryable } from './database.ts';
import { dayOf } from './day.ts';

/** One verdict with what it was made from, and what was answered. */
export type Attestation = {
  readonly id: string;
  readonly hostId: string;
  readonly at: Date;
  readonly cause: 'evidence' | 'host-approval' | 'baseline-approval';
  readonly evidence: string;
  readonly class: AssuranceClass;
  readonly labels: Labels;
  readonly baselines: BaselineReference[];
  readonly policyId: string;
  readonly verdict: Verdict;
  readonly state: HostState;
  readonly selfReported: boolean;
  readonly findings: Finding[];
  readonly events: MeasuredEvent[];
  /** JWT. */
  readonly result: string;
  /** What was answered to the evidence; null where nobody had asked. */
  readonly answer: object | null;
  /** What it was made from. Null of verdicts from before that was stored. */
  readonly context: AttestationContext | null;
};

/** All digests are SHA-256 in lower-case hex. */
export type AttestationContext = {
  /** Of the whole: what is the verdict's own, and the shared context's digest. */
  readonly digest: string;
  /** Of the blob that hosts share. */
  readonly shared: string;
  /** Of the verdict's own what no other column, here or of the evidence, has; null for nothing. */
  readonly own: object | null;
  /** Of the outcome's bytes. */
  readonly outcome: string;
};

export type AttestationRow = {
  id: string;
  host_id: string;
  at: Date;
  cause: Attestation['cause'];
  evidence: string;
  class: AssuranceClass;
  labels: Labels;
  baselines: BaselineReference[];
  policy_id: string;
  verdict: Verdict;
  state: HostState;
  self_reported: boolean;
  findings: Finding[];
  events: MeasuredEvent[];
  result: string;
  answer: object | null;
  context: string | null;
  shared_context: string | null;
  own_context: object | null;
  outcome: string | null;
};

/** Of `attestations`, or of whatever has these columns. */
export const ATTESTATION_COLUMNS = `id, host_id, at, cause, evidence, class, labels, baselines, policy_id, verdict, state,
  self_reported, findings, events, result, answer, context, shared_context, own_context, outcome`;

const attestationOf = (row: AttestationRow): Attestation => ({
  id: row.id,
  hostId: row.host_id,
  at: row.at,
  cause: row.cause,
  evidence: row.evidence,
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
  answer: row.answer,
  context: contextOf(row),
});

const contextOf = ({
  context: digest,
  shared_context: shared,
  own_context: own,
  outcome,
}: Omit<AttestationRow, 'id'>): AttestationContext | null =>
  digest === null || shared === null || outcome === null ? null : { digest, shared, own, outcome };

export async function insertAttestation(on: Queryable, one: Attestation): Promise<void> {
  await on.query(
    `INSERT INTO attestations (${ATTESTATION_COLUMNS}, day) VALUES
       ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
    [
      one.id,
      one.hostId,
      one.at,
      one.cause,
      one.evidence,
      one.class,
      JSON.stringify(one.labels),
      JSON.stringify(one.baselines),
      one.policyId,
      one.verdict,
      one.state,
      one.selfReported,
      JSON.stringify(one.findings),
      JSON.stringify(one.events),
      one.result,
      jsonOrNull(one.answer),
      one.context?.digest ?? null,
      one.context?.shared ?? null,
      jsonOrNull(one.context?.own ?? null),
      one.context?.outcome ?? null,
      dayOf(one.at),
    ],
  );
}

const jsonOrNull = (data: object | null): string | null =>
  data === null ? null : JSON.stringify(data);

/**
 * What a host's columns refer to: a row and the day by which its partition is told. Meanwhile it may have
 * outlived that day, and be kept.
 */
export type DatedReference = { readonly id: string; readonly day: string };

export async function attestationById(
  on: Queryable,
  { id, day }: DatedReference,
): Promise<Attestation | null> {
  const { rows } = await on.query<AttestationRow>(
    `SELECT ${ATTESTATION_COLUMNS} FROM attestations WHERE id = $1 AND day IN ($2::date, '-infinity')`,
    [id, day],
  );
  return rows[0] === undefined ? null : attestationOf(rows[0]);
}

/** The answer that the evidence of this day got, for whoever lost it. */
export async function answerToEvidence(
  on: Queryable,
  { id: evidence, day }: DatedReference,
): Promise<object | null> {
  const { rows } = await on.query<{ answer: object | null }>(
    `SELECT answer FROM attestations
      WHERE evidence = $1 AND day IN ($2::date, '-infinity') AND cause = 'evidence'`,
    [evidence, day],
  );
  return rows[0]?.answer ?? null;
}

export type AttestationGist = Pick<Attestation, 'id' | 'verdict' | 'selfReported' | 'findings'>;

/** What a list of hosts shows of their latest attestations. */
export async function attestationGists(
  on: Queryable,
  references: readonly DatedReference[],
): Promise<Map<string, AttestationGist>> {
  const days = [...new Set(references.map(({ day }) => day)), '-infinity'];
  const { rows } = await on.query<
    Pick<AttestationRow, 'id' | 'verdict' | 'self_reported' | 'findings'>
  >(
    `SELECT id, verdict, self_reported, findings FROM attestations
      WHERE id = ANY ($1) AND day = ANY ($2::date[])`,
    [references.map(({ id }) => id), days],
  );
  return new Map(
    rows.map(({ id, verdict, self_reported: selfReported, findings }) => [
      id,
      { id, verdict, selfReported, findings },
    ]),
  );
}
