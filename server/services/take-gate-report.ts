import { createHash } from 'node:crypto';
import type { DecidedAlone, GateReport, RunningVm } from '@touchstone/schemas';
import { appendAudits } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { replaceRunning } from '../store/gate-reports.ts';
import type { Host, StoredState } from '../store/host.ts';
import { raiseOrdersOfHost } from '../store/trust-losses.ts';
import { insertTold, isTurn, type Turn, type TurnedFrom, turnStart } from '../store/told-starts.ts';
import { beginExposures, takeTold } from './change-exposures.ts';
import type { ServerCode } from '../codes.ts';

type Told = {
  /** As it stood before, locked by the caller. */
  readonly host: Host;
  /** As it stands now. */
  readonly state: StoredState;
  readonly attestation: string;
  readonly now: Date;
  readonly settlingSeconds: number;
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
  await takeDecided(on, told, report?.decided ?? []);
}

const NOTHING = { running: [], exposures: [], omitted: 0 };

async function takeSeen(
  on: Queryable,
  { host, now, settlingSeconds }: Told,
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
  await takeTold(on, host, told, { now, settlingSeconds });
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
  { host, attestation, now, settlingSeconds }: Told,
  told: readonly DecidedAlone[],
): Promise<void> {
  const by = { hostId: host.id, attestation, now };
  const decided = await insertTold(on, by, told);
  const isNew = new Set(decided);
  const turned: (Turn & { readonly from: TurnedFrom })[] = [];
  for (const each of told.filter(isTurn)) {
    if (isNew.has(each)) continue;
    const from = await turnStart(on, { ...by, ...each });
    if (from !== null) turned.push({ ...each, from });
  }
  const lineOf = ({ requestId, vm, decision, code, at }: DecidedAlone, after = '') => ({
    ...{ actor: `host ${host.name}`, action: `vm.start.${decision}`, subject: vm },
    detail: `request ${requestId}: ${code}, decided by the host alone at ${at}${after}`,
  });
  const lines = [
    ...decided.map((each) => lineOf(each)),
    ...turned.map((each) => lineOf(each, `, after it was ${each.from}`)),
  ];
  await appendAudits(on, lines, now);
  const exposed = decided.flatMap(({ requestId, vm, decision, code }) =>
    decision === 'licensed' || decision === 'observed'
      ? [{ code: EXPOSURE_OF[decision], vm, detail: `request ${requestId}: ${code}` }]
      : [],
  );
  await beginExposures(on, host, exposed, { now, settlingSeconds });
}

const EXPOSURE_OF = { licensed: 'LICENCE_USED', observed: 'OBSERVED_START' } as const;
