import { AppError } from '@touchstone/transport';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import { isTransient } from '../store/database.ts';
import { doubtEvidence } from '../store/doubted-evidence.ts';
import type { Host, Mark } from '../store/host.ts';
import { isEarlier } from '../store/host-mark.ts';
import { lockHost } from '../store/hosts.ts';
import type { Verifier } from './verifier.ts';
import { moveHost } from './move-host.ts';

export type Unsettled = {
  readonly host: Host;
  readonly mark: Mark;
  readonly now: Date;
  readonly error: unknown;
};

/**
 * Authentic evidence came, and nobody knows what it says: to store its verdict failed for a reason of our own. The
 * host does not keep what its last good evidence gave it (CVE-2022-3500): it is untrusted until a later boot, or until
 * an approver has looked. Nothing changes where the failure says nothing of this evidence: a refusal, or a database
 * that is away or busy. Then nothing is permitted either, and the host turns stale. Whether it counts against the host:
 * its agent is told, and takes it for a verdict.
 */
export async function settleAsUntrusted(
  verifier: Verifier,
  { host: { id, akName }, mark, now, error }: Unsettled,
): Promise<boolean> {
  if (error instanceof AppError || isTransient(error)) return false;
  return verifier.database.transaction(async (on) => {
    const host = await lockHost(on, id);
    // Newer evidence that was settled since speaks for itself.
    if (host === null || host.akName !== akName || !isEarlier(host.mark, mark)) return false;
    const detail = error instanceof Error ? error.name : 'unknown';
    await raiseAlert(on, { code: 'EVIDENCE_UNSETTLED', subject: host.name, detail }, now);
    await doubtEvidence(on, id);
    if (host.state !== 'trusted' && host.state !== 'untrusted') return true;
    const seen = host.untrustedResetCount ?? mark.resetCount;
    const untrustedResetCount = seen > mark.resetCount ? seen : mark.resetCount;
    await moveHost(on, host, { state: 'untrusted', untrustedResetCount }, { now });
    const line = { actor: 'verifier', action: 'host.state', subject: host.name };
    await appendAudit(
      on,
      { ...line, detail: `${host.state} -> untrusted: EVIDENCE_UNSETTLED` },
      now,
    );
    return true;
  });
}
