import type { Revocation, RevocationRequest } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import { type Operator, operatorActor, operatorTransaction } from '../operators/index.ts';
import {
  appendAudit,
  isListedWhole,
  type Queryable,
  revokeCertificatesOf,
  revokeEndorsementKey,
} from '../store/index.ts';
import { publishDue } from './publish.ts';

/**
 * In the caller's transaction: no certificate any more for the TPM with this ekRef, for good, and those that it has are
 * revoked. How many they were.
 * @throws AppError EK_UNKNOWN
 */
export async function revokeTpm(
  client: Queryable,
  ekRef: Uint8Array,
  because: string,
): Promise<number> {
  if (await revokeEndorsementKey(client, ekRef, because)) {
    return revokeCertificatesOf(client, ekRef, 'unspecified');
  }
  throw caError('EK_UNKNOWN', 404, { detail: Buffer.from(ekRef).toString('hex') });
}

/**
 * POST /v1/operator/revocations: one person's word is enough, and nothing takes it back. The lists follow at once; where
 * they cannot be signed now, they do as soon as that is possible, and the answer says so.
 * @throws AppError EK_UNKNOWN
 */
export async function revoke(
  context: CaContext,
  by: Operator,
  { ekRef, reason }: RevocationRequest,
): Promise<Revocation> {
  const key = Buffer.from(ekRef, 'hex');
  const revoked = await operatorTransaction(context.pool, by, async (client) => {
    const count = await revokeTpm(client, key, reason);
    const line = { actor: operatorActor(by), action: 'ek.revoke', subject: ekRef };
    await appendAudit(client, { ...line, detail: `${count} certificates: ${reason}` });
    return count;
  });
  await publishDue(context).catch((err: unknown) =>
    context.log.error({ err, ekRef }, 'revoked, and the revocation list is not made yet'),
  );
  return { ekRef, revoked, listed: await isListedWhole(context.pool, key) };
}
