import type { Mandates } from '@touchstone/schemas';
import type { Queryable } from '../store/database.ts';
import { answerEvidence } from './answer-evidence.ts';
import { settlingSeconds } from './host-state.ts';
import { type Judged, judgeEvidence } from './judge-evidence.ts';
import { keepEvidence } from './keep-evidence.ts';
import { mandatesFor } from './mandates.ts';
import { markHost, type Taken } from './mark-host.ts';
import type { Older } from './older-evidence.ts';
import { recordSettled } from './record-settled.ts';
import { takeGateReport } from './take-gate-report.ts';
import type { Verifier } from './verifier.ts';

/** `ended`: this was the last host that an update window waited for. */
export type Outcome =
  { readonly kind: 'answered'; readonly answer: object; readonly ended: boolean } | Older;

/** DESIGN 4, Attest: what authentic evidence does, all of it in the caller's transaction. */
export async function settleEvidence(
  verifier: Verifier,
  on: Queryable,
  taken: Taken,
): Promise<Outcome> {
  const marked = await markHost(on, taken);
  if (marked.kind !== 'marked') return marked;
  const judged = await judgeEvidence(verifier, on, marked);
  await keepEvidence(verifier, on, judged);
  const answered = await answerEvidence(verifier, on, judged);
  const ended = await recordSettled(verifier, on, judged, answered);
  const told = await tellOfGate(verifier, on, judged);
  return { kind: 'answered', answer: { ...answered.answer, ...told }, ended };
}

/** What the host tells of its gate is taken, and it is told its mandates. Statements of the first version know of neither. */
async function tellOfGate(
  verifier: Verifier,
  on: Queryable,
  { verified, tellsOfGate, appraised }: Judged,
): Promise<{ readonly mandates?: Mandates }> {
  if (verified.statement.schema === 'touchstone/statement/1') return {};
  if (tellsOfGate) {
    const { id: attestation, host, standing, now } = appraised;
    const settling = settlingSeconds(verifier.settings.intervalSeconds);
    const told = { host, state: standing.state, attestation, now, settlingSeconds: settling };
    await takeGateReport(on, told, verified.statement.gate);
  }
  return { mandates: await mandatesFor(verifier, on, appraised) };
}
