import type { ExposureCode } from '../codes/exposure-codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit, appendAudits, lockAudit } from '../store/audit.ts';
import type { Database, Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import {
  addExposures,
  dropOldest,
  endByPermit,
  endOfAllStarts,
  endOfStarts,
  type Gone,
  MOST_OF_STARTS,
  type NewExposure,
  replaceTold,
  someStartIsOver,
} from '../store/kept-exposures.ts';
import { knownCode } from './exposures.ts';

/** When, and how long what is said of a start takes to settle. */
export type ExposureMoment = { readonly now: Date; readonly settlingSeconds: number };

/** What the server itself knows of a start. */
export type ExposedStart = {
  readonly code: ExposureCode;
  readonly vm: string;
  readonly detail: string;
};

/** All that a host, which the caller has locked, tells of in the place of what it told before. */
export async function takeTold(
  on: Queryable,
  host: Pick<Host, 'id' | 'name'>,
  told: readonly NewExposure[],
  { now, settlingSeconds }: ExposureMoment,
): Promise<void> {
  const { begun, ended } = await replaceTold(on, host.id, told, now);
  const over = [...ended, ...(await endOfStarts(on, host.id, settlingSeconds))];
  await tell(on, { host, actor: `host ${host.name}` }, { begun, ended: over }, now);
}

/**
 * What the server itself says of starts at a host, which the caller has locked: kept, written down and told once. A host
 * can make starts up without end: what is over goes first, then the oldest, and that it went is a line by itself.
 */
export async function beginExposures(
  on: Queryable,
  host: Pick<Host, 'id' | 'name'>,
  starts: readonly ExposedStart[],
  { now, settlingSeconds }: ExposureMoment,
): Promise<void> {
  if (starts.length === 0) return;
  const ended = await endOfStarts(on, host.id, settlingSeconds);
  const exposures = starts.map((start) => ({ ...start, subject: `VM ${start.vm}` }));
  const begun = await addExposures(on, host.id, exposures, now);
  const dropped = await dropOldest(on, host.id);
  if (dropped > 0) {
    const code: ExposureCode = 'EXPOSURES_DROPPED';
    const detail = `of starts here the newest ${MOST_OF_STARTS} lines are kept`;
    const line = { code, subject: host.name, detail, vm: null };
    begun.push(...(await addExposures(on, host.id, [line], now)));
  }
  await tell(on, { host, actor: 'verifier' }, { begun, ended, dropped }, now);
}

/** VMs that were permitted at a host as they should be: what was said of their starts there before is over. */
export async function endExposuresOf(
  on: Queryable,
  host: Pick<Host, 'id' | 'name'>,
  vms: readonly string[],
  now: Date,
): Promise<void> {
  const ended = await endByPermit(on, host.id, vms);
  await tell(on, { host, actor: 'verifier' }, { begun: [], ended }, now);
}

/** More go at the next look. */
const MOST_AT_ONCE = 1_000;

/**
 * What is over and nobody asks about: a host that tells the same as before writes nothing. Whoever has hosts' rows has
 * the audit log's turn before, and waits for no row.
 */
export async function endWhatIsOver(database: Database, moment: ExposureMoment): Promise<void> {
  const { now, settlingSeconds } = moment;
  if (!(await someStartIsOver(database, settlingSeconds))) return;
  await database.transaction(async (on) => {
    await lockAudit(on);
    const ended = await endOfAllStarts(on, MOST_AT_ONCE, settlingSeconds);
    const lines = [...Map.groupBy(ended, ({ hostName }) => hostName)].map(([subject, gone]) => ({
      ...{ actor: 'verifier', action: ACTION, subject },
      detail: saidOf({ begun: [], ended: gone }),
    }));
    await appendAudits(on, lines, now);
  });
}

const ACTION = 'exposure.change';

type Change = {
  readonly begun: readonly NewExposure[];
  readonly ended: readonly Gone[];
  readonly dropped?: number;
};

async function tell(
  on: Queryable,
  { host, actor }: { readonly host: Pick<Host, 'name'>; readonly actor: string },
  change: Change,
  now: Date,
): Promise<void> {
  const detail = saidOf(change);
  if (detail === '') return;
  await alertExposures(on, host.name, change.begun, now);
  await appendAudit(on, { actor, action: ACTION, subject: host.name, detail }, now);
}

function saidOf({ begun, ended, dropped = 0 }: Change): string {
  const list = (said: string, of: readonly Gone[]) =>
    of.length === 0
      ? []
      : [`${said}: ${of.map(({ code, subject }) => `${code} ${subject}`).join(', ')}`];
  return [
    ...(dropped === 0 ? [] : [`dropped: the oldest ${dropped}`]),
    ...list('begun', begun),
    ...list('ended', ended),
  ].join('; ');
}

/**
 * One alert for each code and host, however many there are: their texts are a host's own, and fill no table. A code that
 * nobody here knows is told as one.
 */
async function alertExposures(
  on: Queryable,
  hostName: string,
  begun: readonly NewExposure[],
  now: Date,
): Promise<void> {
  const byCode = Map.groupBy(begun, ({ code }) => knownCode(code));
  for (const [code, list] of byCode) {
    const detail = list.map((one) => `${one.code} ${one.subject}: ${one.detail}`).join('; ');
    await raiseAlert(on, { code, subject: hostName, detail }, now);
  }
}
