import { randomUUID } from 'node:crypto';
import type { RotationStart } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import {
  appendAudit,
  insertRotation,
  isKnownEkRef,
  listAuthorities,
  openRotations,
  type Queryable,
  rotationById,
  type RotationRecord,
} from '../store/index.ts';
import { supersede } from './compromise.ts';
import { actorOf, type RotationContext, rotationTransaction } from './transition.ts';

/** What the bundle can name beside one more of each: its lists end at 8 anchors and 32 issuers. */
const MOST_ANCHORS = 6;
const MOST_ISSUERS = 12;
const UNIQUE_VIOLATION = '23505';

/**
 * A row, and no key yet. A compromise takes the place of whatever is under way: the keys of that are refused with the
 * others.
 * @throws AppError ROTATION_UNDER_WAY, ROTATION_CANARIES, EK_UNKNOWN, AUTHORITIES_FULL
 */
export async function planRotation(
  context: RotationContext,
  asked: RotationStart,
): Promise<RotationRecord> {
  const { pool, log } = context;
  const id = randomUUID();
  const startedBy = actorOf(context);
  const { kind, mode, reason, canaries = [] } = asked;
  if ((mode === 'rehearsal') !== canaries.length > 0) throw caError('ROTATION_CANARIES', 422);
  const planned = await rotationTransaction(context, async (client) => {
    for (const { name, ekRef } of canaries) {
      const known = await isKnownEkRef(client, Buffer.from(ekRef, 'hex'));
      if (!known) throw caError('EK_UNKNOWN', 404, { detail: `${name}: ${ekRef}` });
    }
    if (mode === 'compromise') await supersede(client);
    else await requireRoom(client);
    // Nobody waits for a person while a stolen key is believed.
    const auto = asked.auto || mode === 'compromise';
    await insertRotation(client, { id, kind, mode, auto, startedBy, reason, canaries });
    await appendAudit(client, {
      ...{ actor: startedBy, action: 'rotation.start', subject: id },
      detail: `${mode}, ${kind}: ${reason}`,
    });
    return rotationById(client, id);
  }).catch(async (error: unknown) => {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    throw underWay(await openRotations(pool), error);
  });
  if (planned === undefined) throw new Error('a rotation that was stored is not there');
  log.info({ rotation: id, kind, mode, by: startedBy }, 'rotation planned');
  return planned;
}

async function requireRoom(on: Queryable): Promise<void> {
  const there = (await listAuthorities(on)).filter(
    ({ state }) => state === 'active' || state === 'verify-only',
  );
  const count = (role: 'root' | 'issuing') => there.filter((one) => one.role === role).length;
  if (count('root') > MOST_ANCHORS || count('issuing') > MOST_ISSUERS) {
    throw caError('AUTHORITIES_FULL', 409);
  }
}

function underWay([running]: readonly RotationRecord[], cause: unknown) {
  const detail =
    running === undefined
      ? 'another one began at the same time'
      : `${running.id}, started by ${running.startedBy}, is in ${running.phase}`;
  return caError('ROTATION_UNDER_WAY', 409, { detail, cause });
}
