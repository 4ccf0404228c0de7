import type { Alert, AlertList } from '@touchstone/schemas';
import { refusal, SERVER_CODES } from '../codes.ts';
import { EXPIRY_CODES } from '../codes/expiry-codes.ts';
import {
  acknowledgeAlert as acknowledgeStored,
  alertById,
  listAlerts,
  lockAlert,
  openAlerts,
  raiseAlert,
  type StoredAlert,
} from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import { rememberReminder } from '../store/expiries.ts';
import { type Expiry, lookForExpiries } from './expiries.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** Open alerts, or all. What ends is looked for first, so that whoever reads misses none. */
export async function viewAlerts(
  verifier: Verifier,
  { all }: { readonly all: boolean },
): Promise<AlertList> {
  await raiseReminders(verifier);
  const alerts = await listAlerts(verifier.database, { all });
  return { alerts: alerts.map(withRemedy) };
}

/**
 * Somebody has seen to it. It is listed no more, until what it tells of happens again; `count` is how often it
 * had happened when they looked: what came since is not acknowledged unseen.
 * @throws AppError ALERT_UNKNOWN, ALERT_CHANGED
 */
export async function acknowledgeAlert(
  { database, clock }: Pick<Verifier, 'database' | 'clock'>,
  by: Actor,
  id: string,
  { count }: { readonly count: number },
): Promise<Alert> {
  const now = clock.now();
  return database.transaction(async (on) => {
    const alert = await lockAlert(on, id);
    if (alert === null) throw refusal('ALERT_UNKNOWN', { detail: id });
    if (alert.acknowledgedAt !== null) return withRemedy(alert);
    if (alert.count !== count) {
      throw refusal('ALERT_CHANGED', { detail: `seen ${count} times, happened ${alert.count}` });
    }
    await acknowledgeStored(on, id, { by: auditActor(by), now });
    const subject = `${alert.code} ${alert.subject}`;
    const line = { actor: auditActor(by), action: 'alert.acknowledge', subject };
    await appendAudit(on, { ...line, detail: `${count} times: ${alert.detail}` }, now);
    const stored = await alertById(on, id);
    if (stored === null) throw new Error('an alert vanished');
    return withRemedy(stored);
  });
}

/**
 * One alert for each threshold that was passed, and none is left open for what ends no more: it was renewed,
 * or revoked. What nobody could look at stays as it is: its reminder would not come a second time.
 */
export async function raiseReminders(verifier: Verifier): Promise<void> {
  const { database, clock } = verifier;
  const { expiries, unseen } = await lookForExpiries(verifier);
  for (const expiry of expiries) {
    await database.transaction(async (on) => {
      if (!(await rememberReminder(on, expiry))) return;
      const { code, subject } = expiry;
      await raiseAlert(on, { code, subject, detail: detailOf(expiry) }, clock.now());
    });
  }
  const ending = new Set(expiries.map(({ code, subject }) => `${code} ${subject}`));
  const seen = Object.keys(EXPIRY_CODES).filter((code) => !unseen.some((one) => one === code));
  for (const { id, code, subject } of await openAlerts(database, seen)) {
    if (ending.has(`${code} ${subject}`)) continue;
    await acknowledgeStored(database, id, { by: 'verifier: it ends no more', now: clock.now() });
  }
}

const detailOf = ({ daysBefore, endsAt }: Expiry): string =>
  daysBefore === 0
    ? `ended ${endsAt.toISOString()}`
    : `ends ${endsAt.toISOString()}, within ${daysBefore === 1 ? 'a day' : `${daysBefore} days`}`;

const withRemedy = (alert: StoredAlert): Alert => ({
  ...alert,
  remedy: Object.hasOwn(SERVER_CODES, alert.code)
    ? SERVER_CODES[alert.code as keyof typeof SERVER_CODES].remedy
    : null,
});
