import type { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import type { Database } from '../store/database.ts';
import { countPending } from '../store/hosts.ts';
import { tellRefused } from './refused-enrolment.ts';

/** Hosts that wait for a person, of one deployment. */
const MOST_PENDING = 4_096;

/**
 * Strangers bring TPMs of their own for nothing, so those that wait are bounded. It is the newcomer who is refused
 * and not who has waited longest: else whoever has enough TPMs could push every honest host out, for ever. Who has a
 * join token is not held back. Enrolments at one instant may exceed it, by as many as there are connections.
 * @returns the refusal, after it was told; null where there is room
 */
export async function noRoomForPending(
  database: Database,
  { name, akName, now }: { readonly name: string; readonly akName: string; readonly now: Date },
): Promise<AppError | null> {
  if ((await countPending(database)) < MOST_PENDING) return null;
  const detail = `${MOST_PENDING} wait; the last to come: ${name}, AK ${akName}`;
  await database.transaction((on) =>
    tellRefused(on, { code: 'PENDING_FULL', subject: 'pending hosts', detail }, now),
  );
  return refusal('PENDING_FULL');
}
