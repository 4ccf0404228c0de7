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
};

type AttestationRow = {
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
};

const COLUMNS = `id, host_id, at, cause, evidence, class, labels, baselines, policy_id, verdict, state,
  self_reported, findings, events, result, answer`;

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
});

export async function insertAttestation(on: Queryable, one: Attestation): Promise<void> {
  await on.query(
    `INSERT INTO attestations (${COLUMNS}, day) VALUES
       ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
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
      one.answer === null ? null : JSON.stringify(one.answer),
      dayOf(one.at),
    ],
  );
}

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
    `SELECT ${COLUMNS} FROM attestations WHERE id = $1 AND day IN ($2::date, '-infinity')`,
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
