import type { ExposureList } from '@touchstone/schemas';
import { Sha256Hex, Uuid } from '@touchstone/schemas';
import { EXPOSURE_CODES, type ExposureCode } from '../codes/exposure-codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import {
  addExposure,
  countExposures,
  endByPermit,
  type ExposurePosition,
  listExposures,
  type NewExposure,
} from '../store/exposures.ts';
import type { Host } from '../store/host.ts';
import type { PageAfter } from '../store/page.ts';
import { staleBefore } from './host-state.ts';
import { requireHost } from './host-views.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import type { Verifier } from './verifier.ts';

type Viewer = Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers'>;

/** What runs without a proof, the latest first; of one host where it is named. @throws AppError HOST_UNKNOWN */
export async function viewExposures(
  viewer: Viewer,
  page: Page,
  hostName?: string,
): Promise<ExposureList> {
  const host = hostName === undefined ? null : (await requireHost(viewer.database, hostName)).id;
  const of = { host, ...timesOf(viewer) };
  const { rows, next } = await pageOf(page, {
    key: keyOfColumns(EpochMs, Uuid, Sha256Hex),
    load: (after: PageAfter<ExposurePosition>) => listExposures(viewer.database, of, after),
    keyOf: ({ since, hostId, key }): ExposurePosition => [Date.parse(since), hostId, key],
  });
  return {
    exposures: rows.map(({ key, ...exposure }) => {
      void key;
      return exposure;
    }),
    ...next,
  };
}

/** For who watches from outside: codes that nobody here knows are counted as one. */
export async function exposureCounts(viewer: Viewer): Promise<{ code: string; count: number }[]> {
  const counts = await countExposures(viewer.database, timesOf(viewer));
  return counts.map(({ code, count }) => ({ code: knownCode(code), count }));
}

const knownCode = (code: string): string =>
  Object.hasOwn(EXPOSURE_CODES, code) ? code : ('EXPOSURE_UNKNOWN' satisfies ExposureCode);

function timesOf({ clock, settings }: Viewer): { staleBefore: Date; now: Date } {
  const now = clock.now();
  return { staleBefore: staleBefore(now, settings.intervalSeconds), now };
}

/** One that the server knows of itself, of a VM at a host: kept, written down and told once. */
export async function beginExposure(
  on: Queryable,
  host: Pick<Host, 'id' | 'name'>,
  exposure: { readonly code: ExposureCode; readonly vm: string; readonly detail: string },
  now: Date,
): Promise<void> {
  const begun = { ...exposure, subject: `VM ${exposure.vm}` };
  if (!(await addExposure(on, host.id, begun, now))) return;
  await alertExposures(on, host.name, [begun], now);
  const line = { actor: 'verifier', action: 'exposure.change', subject: host.name };
  await appendAudit(on, { ...line, detail: `begun: ${begun.code} ${begun.subject}` }, now);
}

/** VMs that were permitted as they should be: what was said of their starts before is over. */
export async function endExposuresOf(
  on: Queryable,
  host: Pick<Host, 'name'>,
  vms: readonly string[],
  now: Date,
): Promise<void> {
  const ended = await endByPermit(on, vms);
  if (ended.length === 0) return;
  const said = ended.map(({ code, subject }) => `${code} ${subject}`).join(', ');
  const line = { actor: 'verifier', action: 'exposure.change', subject: host.name };
  await appendAudit(on, { ...line, detail: `ended: ${said}` }, now);
}

/**
 * One alert for each code and host, however many there are: their texts are a host's own, and fill no table. A code that
 * nobody here knows is told as one.
 */
export async function alertExposures(
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
