import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import type { DatedReference } from '../store/attestations.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import type { Mark } from '../store/host.ts';
import { setStanding } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';

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
 * the lesser, the TPM went back. Then what it says about its boot is worth nothing, and the host is untrusted
 * until a boot beyond the one once seen.
 */
export async function explainOlder(on: Queryable, evidence: NotMoved): Promise<Older> {
  const { akName, digest, mark, challengeMadeAt, now } = evidence;
  const host = await lockHost(on, evidence.hostId);
  if (host === null) throw refusal('HOST_UNKNOWN', { detail: 'It was removed.' });
  if (host.markEvidence === digest) {
    return { kind: 'same', evidence: { id: digest, day: host.markEvidenceDay } };
  }
  if (host.akName !== akName) return { kind: 'superseded', detail: 'by another AK of this host' };

  const fell = mark.resetCount < host.mark.resetCount;
  const detail = `resetCount ${mark.resetCount}, seen ${host.mark.resetCount}`;
  if (!fell || challengeMadeAt <= host.lastAuthenticAt) return { kind: 'superseded', detail };

  await raiseAlert(on, { code: 'TPM_ROLLED_BACK', subject: host.name, detail }, now);
  if (host.state === 'trusted' || host.state === 'untrusted') {
    const untrustedResetCount = host.mark.resetCount;
    await setStanding(on, host.id, { state: 'untrusted', untrustedResetCount }, { now });
  }
  const line = { actor: 'verifier', action: 'host.rolled-back', subject: host.name, detail };
  await appendAudit(on, line, now);
  return { kind: 'rolled-back', detail };
}
