import { randomUUID } from 'node:crypto';
import type { EnforcementRequest, GateStatus, ObservationRequest } from '@touchstone/schemas';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import {
  endObservations,
  insertObservation,
  type Observation,
  openObservation,
} from '../store/observations.ts';
import { labelsText } from './label-host.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

type Keeper = Pick<Verifier, 'database' | 'clock'>;

/** Whom alerts about observe mode are on: there is one at a time. */
const SUBJECT = 'gate';

/** Observe mode, if there is one now: it ends by itself. */
export const viewObservation = ({ database, clock }: Keeper): Promise<Observation | null> =>
  openObservation(database, clock.now());

export async function viewGate(keeper: Keeper): Promise<GateStatus> {
  const observation = await viewObservation(keeper);
  if (observation === null) return { mode: 'enforce', observation: null };
  const { since, until, ...rest } = observation;
  return {
    mode: 'observe',
    observation: { ...rest, since: since.toISOString(), until: until.toISOString() },
  };
}

/**
 * Loosening, by the quorum: for so long no start is refused on hosts with these labels. One that lasts already ends.
 * @throws AppError QUORUM_WAITING
 */
export async function observe(
  verifier: Verifier,
  by: Actor,
  { seconds, labels, reason }: ObservationRequest,
): Promise<GateStatus> {
  const now = verifier.clock.now();
  await byQuorum(verifier, async (on) => {
    const until = new Date(now.getTime() + seconds * 1_000);
    const detail = `for ${seconds} s, ${labelsText(labels)}: ${reason}`;
    const loosening = { action: 'gate.observe', subject: SUBJECT, detail };
    const waiting = await takeQuorum(on, by, { ...loosening, content: { seconds, labels } }, now);
    if (waiting !== null) return waiting;
    await endObservations(on, { now, by: auditActor(by) });
    const observation = { id: randomUUID(), since: now, until, labels, reason, by: auditActor(by) };
    await insertObservation(on, observation);
    const line = { actor: auditActor(by), action: 'gate.observe', subject: SUBJECT };
    await appendAudit(on, { ...line, detail: `until ${until.toISOString()}, ${detail}` }, now);
    await alertObservation(on, observation, now);
    return null;
  });
  return viewGate(verifier);
}

const alertObservation = (on: Queryable, { until, reason }: Observation, now: Date) =>
  raiseAlert(
    on,
    {
      ...{ code: 'OBSERVE_MODE', subject: SUBJECT },
      detail: `until ${until.toISOString()}: ${reason}`,
    },
    now,
  );

/** Tightening takes one person. Where nothing is observed nothing changes. */
export async function enforce(
  verifier: Verifier,
  by: Actor,
  { reason }: EnforcementRequest,
): Promise<GateStatus> {
  const now = verifier.clock.now();
  await verifier.database.transaction(async (on) => {
    if (!(await endObservations(on, { now, by: auditActor(by) }))) return;
    const line = { actor: auditActor(by), action: 'gate.enforce', subject: SUBJECT };
    await appendAudit(on, { ...line, detail: reason }, now);
  });
  return viewGate(verifier);
}
