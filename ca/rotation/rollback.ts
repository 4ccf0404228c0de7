import { caError } from '../ca-error.ts';
import {
  changeState,
  type Forcing,
  inTransaction,
  listAuthorities,
  openRotations,
  type Queryable,
  raiseEpoch,
  type RotationRecord,
  withdrawCrosses,
} from '../store/index.ts';
import { destroyForgotten, destroyRefused } from './destroy.ts';
import { keysOf } from './rotation-keys.ts';
import { type RotationContext, transition } from './transition.ts';

/** Up to here the old keys are only set aside. */
const BACK: readonly RotationRecord['phase'][] = [
  ...(['plan', 'stage', 'distribute', 'switch', 'reissue', 'drain'] as const),
];
const SWITCHED: readonly RotationRecord['phase'][] = ['switch', 'reissue', 'drain'];

/**
 * The old keys are active again at once; what the new ones signed is believed until nobody needs it any more. There is
 * no way back to a compromised key, once it is refused, nor to one that is retired.
 * @throws AppError ROTATION_TOO_LATE
 */
export async function rollBack(context: RotationContext, rotation: RotationRecord): Promise<void> {
  const { mode, phase } = rotation;
  const early = phase === 'plan' || phase === 'stage';
  if (!BACK.includes(phase) || (mode === 'compromise' && !early)) {
    throw caError('ROTATION_TOO_LATE', 409, { detail: `it is in ${phase}` });
  }
  const { olds, news } = keysOf(rotation);
  await transition(context, rotation, 'rolling-back', async (client) => {
    if (mode === 'compromise') await requireNothingLeft(client, rotation);
    if (SWITCHED.includes(phase) && mode === 'planned') {
      await changeState(client, { keyIds: news, to: 'verify-only' });
      await changeState(client, { keyIds: olds, to: 'active' });
    }
    await raiseEpoch(client);
  });
}

/**
 * A compromise that took the place of another rotation is what will refuse that one's keys. Without it they would be
 * believed for good: an issuer that was to be left, or a rehearsal's.
 * @throws AppError ROTATION_TOO_LATE
 */
async function requireNothingLeft(on: Queryable, { id }: RotationRecord): Promise<void> {
  const open = await openRotations(on);
  const cared = new Set(
    open.filter((one) => one.phase === 'rolling-back').flatMap((one) => keysOf(one).news),
  );
  const left = (await listAuthorities(on)).some(
    ({ keyId, state, rotationId }) =>
      (state === 'verify-only' || state === 'staged') && rotationId !== id && !cared.has(keyId),
  );
  if (!left) return;
  throw caError('ROTATION_TOO_LATE', 409, {
    detail: 'it took the place of another rotation, whose keys nothing else refuses',
  });
}

/** Nobody needs the new ones any more, and the rotation never was. */
export async function leaveRollingBack(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  await inTransaction(context.pool, async (client) => {
    const keyIds = (await listAuthorities(client))
      .filter(({ rotationId, reason }) => rotationId === rotation.id && reason === null)
      .map(({ keyId }) => keyId);
    if ((await changeState(client, { keyIds, to: 'refused', reason: 'rolled-back' })) === 0) return;
    await withdrawCrosses(client);
    await raiseEpoch(client);
  });
  await destroyRefused(context);
  await transition(context, rotation, 'rolled-back', async () => {}, forcing);
  await destroyForgotten(context);
}
