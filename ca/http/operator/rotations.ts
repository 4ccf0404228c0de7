import {
  AuthorityRefusal,
  CaOwnStatus,
  Rotation,
  RotationAdvance,
  RotationList,
  RotationStart,
  Uuid,
} from '@touchstone/schemas';
import { Type } from 'typebox';
import type { CaContext } from '../../enroll.ts';
import type { Operator } from '../../operators/index.ts';
import {
  advanceRotation,
  ownStatus,
  refuseAuthority,
  type RotationContext,
  showRotation,
  startRotation,
  takeBackRotation,
} from '../../rotation/index.ts';
import { listRotations } from '../../store/index.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

const KeyId = Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 });
const ROTATIONS_SHOWN = 20;

const rotating = ({ pool, issuance, log }: CaContext, by: Operator): RotationContext => ({
  ...{ pool, issuance, log, by },
});

/** What the CA says of its keys, and how they change. One person may do all of it: nothing here makes anybody trusted. */
export const ROTATION_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/status', role: 'viewer' },
    answer: CaOwnStatus,
    handle: ({ context }) => ownStatus(context.pool, { custody: context.custody }),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/rotations', role: 'viewer' },
    answer: RotationList,
    handle: async ({ context: { pool } }) => {
      const found = await listRotations(pool, ROTATIONS_SHOWN);
      return { rotations: await Promise.all(found.map((one) => showRotation(pool, one))) };
    },
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/rotations', role: 'operator' },
    ...{ body: RotationStart, answer: Rotation },
    handle: async ({ context, by, body }) =>
      showRotation(context.pool, await startRotation(rotating(context, by), body)),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/rotations/:key/advance', role: 'operator' },
    ...{ key: Uuid, body: RotationAdvance, answer: Rotation },
    handle: async ({ context, by, key: id, body }) =>
      showRotation(context.pool, await advanceRotation(rotating(context, by), { id, ...body })),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/rotations/:key/rollback', role: 'operator' },
    ...{ key: Uuid, answer: Rotation },
    handle: async ({ context, by, key }) =>
      showRotation(context.pool, await takeBackRotation(rotating(context, by), key)),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/authorities/:key/refusal', role: 'operator' },
    ...{ key: KeyId, body: AuthorityRefusal, answer: CaOwnStatus },
    handle: async ({ context, by, key, body: { reason } }) => {
      await refuseAuthority(rotating(context, by), key, reason);
      return ownStatus(context.pool, { custody: context.custody });
    },
  }),
];
