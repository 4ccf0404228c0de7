import { changeState, listAuthorities, rotationById, type RotationRecord } from '../store/index.ts';
import { type RotationContext, transition } from './transition.ts';

/** The private keys of all that is refused. One that is gone already is gone. */
export async function destroyRefused({ issuance, pool }: RotationContext): Promise<void> {
  for (const { keyId, role, state } of await listAuthorities(pool)) {
    if (state !== 'refused') continue;
    await issuance.destroyKey(keyId, role);
    await changeState(pool, { keyIds: [keyId], to: 'destroyed' });
  }
}

/**
 * Keys that a rotation made which is over, and that no certificate was stored for: what was under way when it was taken
 * back.
 */
export async function destroyForgotten({ issuance, pool }: RotationContext): Promise<void> {
  const authorities = await listAuthorities(pool);
  for (const { keyId, role, label } of await issuance.keys()) {
    const authority = authorities.find((one) => one.keyId === keyId);
    if (authority !== undefined && authority.state !== 'destroyed') continue;
    const rotation = await rotationOf(pool, label);
    if (rotation !== undefined && rotation.endedAt !== null) {
      await issuance.destroyKey(keyId, role);
    }
  }
}

const LABEL = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(?:root|issuing)$/;

async function rotationOf(pool: RotationContext['pool'], label: string) {
  const id = LABEL.exec(label)?.[1];
  return id === undefined ? undefined : rotationById(pool, id);
}

export async function leaveDestroy(
  context: RotationContext,
  rotation: RotationRecord,
): Promise<void> {
  await destroyRefused(context);
  await transition(context, rotation, 'done', async () => {});
}
