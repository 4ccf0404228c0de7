import type { ExposureList } from '@touchstone/schemas';
import { Sha256Hex, Uuid } from '@touchstone/schemas';
import { EXPOSURE_CODES, type ExposureCode } from '../codes/exposure-codes.ts';
import {
  countExposures,
  type ExposurePosition,
  type ExposureTimes,
  listExposures,
} from '../store/exposures.ts';
import type { PageAfter } from '../store/page.ts';
import { settlingSeconds, staleBefore } from './host-state.ts';
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

/** A code that a host made up, or a newer agent has, is one for all of them. */
export const knownCode = (code: string): ExposureCode =>
  Object.hasOwn(EXPOSURE_CODES, code) ? (code as ExposureCode) : 'EXPOSURE_UNKNOWN';

const timesOf = ({ clock, settings: { intervalSeconds } }: Viewer): ExposureTimes => ({
  staleBefore: staleBefore(clock.now(), intervalSeconds),
  settlingSeconds: settlingSeconds(intervalSeconds),
});
