import { caError } from '../ca-error.ts';
import {
  appendAudit,
  changeState,
  listAuthorities,
  openRotations,
  raiseEpoch,
  withdrawCrosses,
} from '../store/index.ts';
import { destroyRefused } from './destroy.ts';
import { actorOf, type RotationContext, rotationTransaction } from './transition.ts';

/**
 * One that is only verified by goes at once, and with a root what it signed. The active one goes when another has taken
 * its place, which a rotation does, and not before: that CA would vouch for nobody.
 * @throws AppError AUTHORITY_UNKNOWN, AUTHORITY_ACTIVE, ROTATION_UNDER_WAY
 */
export async function refuseAuthority(
  context: RotationContext,
  keyId: string,
  reason: 'retired' | 'compromised',
): Promise<void> {
  await rotationTransaction(context, async (client) => {
    const authorities = await listAuthorities(client);
    const authority = authorities.find((one) => one.keyId === keyId);
    if (authority === undefined) throw caError('AUTHORITY_UNKNOWN', 404, { detail: keyId });
    if (authority.reason !== null) return;
    if (authority.state === 'active') throw caError('AUTHORITY_ACTIVE', 409, { detail: keyId });
    const inUse = (await openRotations(client)).some((open) =>
      [open.oldRoot, open.oldIssuing, open.newRoot, open.newIssuing].includes(keyId),
    );
    if (inUse || authority.state === 'staged') throw caError('ROTATION_UNDER_WAY', 409);
    const below = authorities.filter(
      (one) => one.signedBy === keyId && one.reason === null && one.state !== 'active',
    );
    const keyIds = [authority, ...below].map((one) => one.keyId);
    if ((await changeState(client, { keyIds, to: 'refused', reason })) === 0) return;
    await withdrawCrosses(client);
    await appendAudit(client, {
      ...{ actor: actorOf(context), action: 'authority.refuse', subject: keyId, detail: reason },
    });
    await raiseEpoch(client);
  });
  await destroyRefused(context);
}
