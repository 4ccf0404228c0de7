import { createHash } from 'node:crypto';
import type { DecidedAlone, GateReport, RunningVm } from '@touchstone/schemas';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { endOfStarts, replaceTold } from '../store/exposures.ts';
import { replaceRunning } from '../store/gate-reports.ts';
import type { Host, StoredState } from '../store/host.ts';
import { raiseOrdersOfHost } from '../store/trust-losses.ts';
import { insertTold } from '../store/told-starts.ts';
import { alertExposures, beginExposure } from './exposures.ts';
import type { ServerCode } from '../codes.ts';

type Told = {
  /** As it stood before, locked by the caller. */
  readonly host: Host;
  /** As it stands now. */
  readonly state: StoredState;
  readonly attestation: string;
  readonly now: Date;
};

/**
 * What a host tells of its gate, in the transaction that settles its evidence. It is the host's own word: it shows what
 * an honest host saw, and nothing turns better by it. A report like the one before writes nothing. Strangers tell
 * nothing.
 */
export async function takeGateReport(
  on: Queryable,
  told: Told,
  report: GateReport | undefined,
): Promise<void> {
  if (told.state === 'pending') return;
  await takeSeen(on, told, report);
  for (const decided of report?.decided ?? []) await takeDecided(on, told, decided);
}

const NOTHING = { running: [], exposures: [], omitted: 0 };

async function takeSeen(
  on: Queryable,
  { host, now }: Told,
  report: GateReport | undefined,
): Promise<void> {
  const { running, exposures, omitted } = report ?? NOTHING;
  const digest =
    report === undefined
      ? null
      : createHash('sha256')
          .update(JSON.stringify([running, exposures, omitted]))
          .digest('hex');
  if (digest === host.gateReport) return;
  await replaceRunning(on, host.id, { digest, running: running.map((vm) => storable(vm, now)) });
  // Which VMs are there is part of what a host that is not trusted is ordered.
  await raiseOrdersOfHost(on, host.id);
  const told = [
    ...exposures,
    ...(omitted === 0
      ? []
      : [
          {
            ...{ code: 'REPORT_OMITS' satisfies ServerCode, subject: host.name, vm: null },
            detail: `${omitted} more did not fit into the report`,
          },
        ]),
  ];
  const { begun, ended } = await replaceTold(on, host.id, told, now);
  const over = [...ended, ...(await endOfStarts(on, host.id, now))];
  if (begun.length === 0 && over.length === 0) return;
  await alertExposures(on, host.name, begun, now);
  const said = (list: readonly { code: string; subject: string }[]) =>
    list.map(({ code, subject }) => `${code} ${subject}`).join(', ') || 'none';
  const line = { actor: `host ${host.name}`, action: 'exposure.change', subject: host.name };
  await appendAudit(on, { ...line, detail: `begun: ${said(begun)}; ended: ${said(over)}` }, now);
}

const EARLIEST = Date.parse('2000-01-01T00:00:00Z');

/** Times are a host's own: one that the database would not take must not cost the host its verdict. */
function storable(vm: RunningVm, now: Date): RunningVm {
  const since = Date.parse(vm.since);
  const sound = since >= EARLIEST && since <= now.getTime();
  const at = sound ? new Date(since) : now;
  return { ...vm, since: at.toISOString() };
}

/** Once each, however often the host says so. */
async function takeDecided(
  on: Queryable,
  { host, attestation, now }: Told,
  { requestId, vm, decision, code, at }: DecidedAlone,
): Promise<void> {
  const start = { hostId: host.id, requestId, vm, decision, code, attestation, now };
  if (!(await insertTold(on, start))) return;
  const line = { actor: `host ${host.name}`, action: `vm.start.${decision}`, subject: vm };
  const detail = `request ${requestId}: ${code}, decided by the host alone at ${at}`;
  await appendAudit(on, { ...line, detail }, now);
  if (decision === 'refused') return;
  const exposure = decision === 'licensed' ? 'LICENCE_USED' : 'OBSERVED_START';
  await beginExposure(
    on,
    host,
    { code: exposure, vm, detail: `request ${requestId}: ${code}` },
    now,
  );
}
