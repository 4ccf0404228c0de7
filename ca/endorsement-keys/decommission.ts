import type { Decommissioned, EndorsementKey } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import {
  byQuorum,
  type Operator,
  operatorActor,
  operatorTransaction,
  takeQuorum,
} from '../operators/index.ts';
import { publishDue } from '../revocation/index.ts';
import {
  appendAudit,
  decommissionEndorsementKey,
  isListedWhole,
  readmitEndorsementKey,
  revokeCertificatesOf,
} from '../store/index.ts';
import { isHardware } from './pins.ts';
import { viewKey } from './view-keys.ts';

type Asked = { readonly ekRef: string; readonly reason: string };

/**
 * Takes a TPM out of service: the certificates that it has are revoked, and it gets no other until it is readmitted.
 * @throws AppError EK_UNKNOWN, EK_NOT_IN_SERVICE
 */
export async function decommissionEk(
  context: CaContext,
  by: Operator,
  { ekRef, reason }: Asked,
): Promise<Decommissioned> {
  const { pool, tpmRoots } = context;
  const key = Buffer.from(ekRef, 'hex');
  const revoked = await operatorTransaction(pool, by, async (client) => {
    const { state } = await viewKey(client, tpmRoots, ekRef);
    const actor = operatorActor(by);
    if (!(await decommissionEndorsementKey(client, key, { by: actor, reason }))) {
      throw caError('EK_NOT_IN_SERVICE', 409, { detail: state });
    }
    const count = await revokeCertificatesOf(client, key, 'cessationOfOperation');
    await appendAudit(client, {
      ...{ actor, action: 'ek.decommission', subject: ekRef },
      detail: `${count} certificates: ${reason}`,
    });
    return count;
  });
  await publishDue(context).catch((err: unknown) =>
    context.log.error({ err, ekRef }, 'decommissioned, and the revocation list is not made yet'),
  );
  const listed = await isListedWhole(pool, key);
  return { key: await viewKey(pool, tpmRoots, ekRef), revoked, listed };
}

/**
 * It may have certificates again; the revoked ones stay revoked. A chip takes the quorum: somebody else may have had it
 * in hand.
 * @throws AppError EK_UNKNOWN, EK_NOT_DECOMMISSIONED, QUORUM_WAITING
 */
export function readmitEk(
  { pool, tpmRoots }: Pick<CaContext, 'pool' | 'tpmRoots'>,
  by: Operator,
  { ekRef, reason }: Asked,
): Promise<EndorsementKey> {
  return byQuorum(pool, by, async (client) => {
    const { class: assuranceClass, state, decided } = await viewKey(client, tpmRoots, ekRef);
    if (state !== 'decommissioned') {
      throw caError('EK_NOT_DECOMMISSIONED', 409, { detail: state });
    }
    const waiting = isHardware(assuranceClass)
      ? await takeQuorum(client, by, {
          ...{ action: 'ek.readmit', subject: ekRef, content: { ekRef, since: decided?.at } },
          detail: `class ${assuranceClass}, out of service because ${decided?.because}: ${reason}`,
        })
      : null;
    if (waiting !== null) return waiting;
    if (!(await readmitEndorsementKey(client, Buffer.from(ekRef, 'hex')))) {
      throw caError('EK_NOT_DECOMMISSIONED', 409, { detail: state });
    }
    const line = { actor: operatorActor(by), action: 'ek.readmit', subject: ekRef };
    await appendAudit(client, { ...line, detail: reason });
    return viewKey(client, tpmRoots, ekRef);
  });
}
