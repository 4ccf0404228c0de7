import { acknowledgeAlert, openAlerts, raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import { silentWithVms } from '../store/exposures.ts';
import { endPassed, observationToRemindOf } from '../store/observations.ts';
import { endWhatIsOver } from './change-exposures.ts';
import { settlingSeconds, staleBefore } from './host-state.ts';
import type { Verifier } from './verifier.ts';

type Looking = Pick<Verifier, 'database' | 'clock' | 'settings'>;

/** One alert for each time that a host falls silent over VMs; one a day while the gate observes; what is over goes. */
export async function lookAtGate({ database, clock, settings }: Looking): Promise<void> {
  const now = clock.now();
  for (const { name, vms } of await silentWithVms(
    database,
    staleBefore(now, settings.intervalSeconds),
  )) {
    const detail = `${vms} VMs run there, as it told last`;
    await raiseAlert(database, { code: 'GATE_SILENT', subject: name, detail }, now);
  }
  await endWhatIsOver(database, {
    now,
    settlingSeconds: settlingSeconds(settings.intervalSeconds),
  });
  await database.transaction(async (on) => {
    const ended = await endPassed(on, now);
    if (ended === null) return;
    const line = { actor: 'verifier', action: 'gate.enforce', subject: 'gate' };
    await appendAudit(on, { ...line, detail: `its time was up: ${ended.toISOString()}` }, now);
  });
  const lasting = await observationToRemindOf(database, now);
  if (lasting === 'none') {
    for (const { id } of await openAlerts(database, ['OBSERVE_MODE'])) {
      await acknowledgeAlert(database, id, { by: 'verifier: it ended', now });
    }
  } else if (lasting !== 'told') {
    const detail = `until ${lasting.until.toISOString()}: ${lasting.reason}`;
    await raiseAlert(database, { code: 'OBSERVE_MODE', subject: 'gate', detail }, now);
  }
}
