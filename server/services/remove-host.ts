import type { HostDetail, HostRemoval } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import { removeHost as removeStored } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';
import { requireHost, viewHost } from './host-views.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/**
 * For machines that are gone: the host is no more, and what it sends is that of a stranger. Its name is free
 * again, and so is its TPM unless the host was revoked.
 * @returns the host as it last was
 * @throws AppError HOST_UNKNOWN
 */
export async function removeHost(
  verifier: Verifier,
  by: Actor,
  idOrName: string,
  { reason }: HostRemoval,
): Promise<HostDetail> {
  const now = verifier.clock.now();
  const last = await viewHost(verifier, idOrName);
  const { id } = await requireHost(verifier.database, idOrName);
  await verifier.database.transaction(async (on) => {
    const host = await lockHost(on, id);
    if (host === null) throw refusal('HOST_UNKNOWN');
    await removeStored(on, id, now);
    const line = { actor: auditActor(by), action: 'host.remove', subject: host.name };
    await appendAudit(on, { ...line, detail: `${host.id}, ${host.state}: ${reason}` }, now);
  });
  return last;
}
