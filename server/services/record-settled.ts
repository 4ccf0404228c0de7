import { type AuditLine, appendAudits } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { forgetOlderOfPending } from '../store/evidence.ts';
import type { Answered } from './answer-evidence.ts';
import { exposeStarts } from './expose-starts.ts';
import { settlingSeconds } from './host-state.ts';
import type { Judged } from './judge-evidence.ts';
import { type Appraised, recordAppraisal } from './record-appraisal.ts';
import type { Verifier } from './verifier.ts';

/**
 * The verdict, its host's move and what was decided of starts. What is said of those comes last, when the audit log's turn is
 * this transaction's.
 * @returns whether this was the last host that an update window waited for
 */
export async function recordSettled(
  verifier: Verifier,
  on: Queryable,
  judged: Judged,
  { signed, answer, audit, starts }: Answered,
): Promise<boolean> {
  const { appraised, windows } = judged;
  const { host, standing, result, now } = appraised;
  await recordAppraisal(on, { ...appraised, signed, answer, running: runningVms(judged) });
  const ended = await verifier.windows.count(on, { host, standing, result, windows, now });
  if (host.state === 'pending') await forgetOlderOfPending(on, host.id);
  await appendAudits(on, [...stateAudit(appraised), ...audit], now);
  const settling = settlingSeconds(verifier.settings.intervalSeconds);
  await exposeStarts(on, host, starts, { now, settlingSeconds: settling });
  return ended;
}

/** Those that the host says to run, where the statement tells of its gate. */
const runningVms = ({ verified: { statement }, tellsOfGate }: Judged): string[] =>
  (tellsOfGate ? (statement.gate?.running ?? []) : []).flatMap(({ vm }) => vm ?? []);

function stateAudit({ host, standing, result }: Appraised): AuditLine[] {
  if (host.state === standing.state) return [];
  return [
    {
      actor: 'verifier',
      action: 'host.state',
      subject: host.name,
      detail: `${host.state} -> ${standing.state}: evidence ${result.evidence}, ${result.verdict}`,
    },
  ];
}
