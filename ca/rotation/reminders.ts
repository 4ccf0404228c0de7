import type { CaOwnStatus } from '@touchstone/schemas';
import type { Authority, RotationRecord } from '../store/index.ts';

const DAY_MS = 86_400_000;
const EARLY_DAYS = 180;
const SOON_DAYS = 30;

type Reminder = CaOwnStatus['reminders'][number];

/** What somebody should see to soon, in words that need no knowledge of certificates. */
export function remindersOf(
  authorities: readonly Authority[],
  rotation: RotationRecord | undefined,
  now: Date,
): Reminder[] {
  const underWay = rotation !== undefined && rotation.phase !== 'rolling-back';
  const ending = authorities.flatMap((authority) => {
    const reminder = reminderOf(authority, now);
    const replaced =
      underWay &&
      rotation.mode !== 'rehearsal' &&
      (rotation.kind === 'root' || authority.role === 'issuing');
    return reminder === undefined || replaced ? [] : [reminder];
  });
  return ending.toSorted((a, b) => a.before.localeCompare(b.before));
}

function reminderOf({ role, state, notAfter }: Authority, now: Date): Reminder | undefined {
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
  if (state !== 'active' || days > EARLY_DAYS) return undefined;
  const before = notAfter.toISOString();
  const date = before.slice(0, 10);
  const what = role === 'root' ? 'The key that all hosts trust' : 'The key that vouches for hosts';
  const command = `\`touchstone ca rotate start ${role === 'root' ? '--kind root ' : ''}--auto\``;
  if (days < 0) {
    return {
      text: `${what} ended on ${date}: no host can be enrolled or renewed. Start ${command} now.`,
      before,
    };
  }
  const when = days <= SOON_DAYS ? `in ${days} days, on ${date}` : `on ${date}`;
  return {
    text: `${what} ends ${when}. Start ${command}${days <= SOON_DAYS ? ' now' : ' before then'}.`,
    before,
  };
}
