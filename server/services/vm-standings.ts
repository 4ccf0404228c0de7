import {
  type RefusedStarts,
  Slug,
  Uuid,
  type VmStanding,
  type VmStandings,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import type { PageAfter } from '../store/page.ts';
import {
  listRefusals,
  listStandings,
  type RefusalPosition,
  standingByUuid,
} from '../store/vm-standings.ts';
import { staleBefore } from './host-state.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import type { Verifier } from './verifier.ts';

type Viewer = Pick<Verifier, 'database' | 'clock' | 'settings'>;

/** Every registered VM as it stands, by name. */
export async function viewStandings(
  { database, clock, settings }: Viewer,
  page: Page,
): Promise<VmStandings> {
  const stale = staleBefore(clock.now(), settings.intervalSeconds);
  const { rows: vms, next } = await pageOf(page, {
    key: Slug,
    load: (after: PageAfter<string>) => listStandings(database, stale, after),
    keyOf: ({ name }) => name,
  });
  return { vms, ...next };
}

/** @throws AppError VM_UNKNOWN */
export async function viewStanding(
  { database, clock, settings }: Viewer,
  uuid: string,
): Promise<VmStanding> {
  const stale = staleBefore(clock.now(), settings.intervalSeconds);
  const standing = await standingByUuid(database, stale, uuid);
  if (standing === null) throw refusal('VM_UNKNOWN', { detail: uuid });
  return standing;
}

/** Starts that were refused, the latest first. */
export async function viewRefusals({ database }: Viewer, page: Page): Promise<RefusedStarts> {
  const { rows: refusals, next } = await pageOf(page, {
    key: keyOfColumns(EpochMs, Uuid, Uuid),
    load: (after: PageAfter<RefusalPosition>) => listRefusals(database, after),
    keyOf: ({ at, hostId, requestId }): RefusalPosition => [Date.parse(at), hostId, requestId],
  });
  return { refusals, ...next };
}
