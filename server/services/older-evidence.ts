import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import type { DatedReference } from '../store/attestations.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { doubtEvidence } from '../store/doubted-evidence.ts';
import type { Host, Mark } from '../store/host.ts';
import { isEarlier } from '../store/host-mark.ts';
import { lockHost } from '../store/hosts.ts';
import { moveHost } from './move-host.ts';

/** What authentic evidence is that did not move its host's mark. */
export type Older =
  | { readonly kind: 'same'; readonly evidence: DatedReference }
  | { readonly kind: 'superseded'; readonly detail: string }
  | { readonly kind: 'rolled-back'; readonly detail: string };

export type NotMoved = {
  readonly hostId: string;
  readonly akName: string;
  readonly digest: string;
  readonly mark: Mark;
  readonly challengeMadeAt: Date;
  readonly now: Date;
};

/**
 * Late evidence changes nothing: another delivery was faster, or another identity took the host's place. But
 * an answer to a challenge that was made after the mark moved was quoted after it too; if its resetCount is
 * the lesser, the TPM went back. Then what it says about its boot is worth nothing, and so is what was stored before;
 * the host is untrusted until a boot beyond the one once seen. If only its clock is the lesser, people hear of it:
 * the boot is the one that was judged, and evidence of it counts again once the clock has passed the mark.
 */
export async function explainOlder(on: Queryable, evidence: NotMoved): Promise<Older> {
  const { akName, digest, mark, challengeMadeAt, now } = evidence;
  const host = await lockHost(on, evidence.hostId);
  if (host === null) throw refusal('HOST_UNKNOWN', { detail: 'It was removed.' });
  if (host.markEvidence === digest) {
    return { kind: 'same', evidence: { id: digest, day: host.markEvidenceDay } };
  }
  if (host.akName !== akName) return { kind: 'superseded', detail: 'by another AK of this host' };

  const detail = `resetCount ${mark.resetCount}, seen ${host.mark.resetCount}`;
  if (challengeMadeAt <= host.lastAuthenticAt) return { kind: 'superseded', detail };
  if (mark.resetCount === host.mark.resetCount) {
    if (isEarlier(mark, host.mark)) await alertClockFell(on, host, evidence);
    return { kind: 'superseded', detail };
  }

  await raiseAlert(on, { code: 'TPM_ROLLED_BACK', subject: host.name, detail }, now);
  await doubtEvidence(on, host.id);
  if (host.state === 'trusted' || host.state === 'untrusted') {
    const untrustedResetCount = host.mark.resetCount;
    await moveHost(on, host, { state: 'untrusted', untrustedResetCount }, { now });
  }
  const line = { actor: 'verifier', action: 'host.rolled-back', subject: host.name, detail };
  await appendAudit(on, line, now);
  return { kind: 'rolled-back', detail };
}

async function alertClockFell(on: Queryable, host: Host, { mark, now }: NotMoved): Promise<void> {
  const detail =
    `resetCount ${mark.resetCount}: restartCount ${mark.restartCount}, clock ${mark.clock}; ` +
    `seen ${host.mark.restartCount}, ${host.mark.clock}`;
  await raiseAlert(on, { code: 'TPM_CLOCK_FELL', subject: host.name, detail }, now);
}
