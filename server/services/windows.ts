import {
  Slug,
  Uuid,
  type WindowHosts,
  type WindowList,
  type WindowRecord,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import type { Queryable } from '../store/database.ts';
import type { PageAfter } from '../store/page.ts';
import {
  hostsOfWindow,
  listWindows,
  type StoredWindow,
  windowByKey,
  type WindowPosition,
} from '../store/windows.ts';
import { readingOf, shownState } from './host-state.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import type { Verifier } from './verifier.ts';

type Viewer = Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers'>;

/** One whose time is up has ended, whoever has settled that or not. */
export function shownWindow(
  { settledAt, ...window }: StoredWindow,
  { now }: { readonly now: Date },
): WindowRecord {
  const isPast = settledAt === null && window.endedAt === null && new Date(window.until) <= now;
  return isPast ? { ...window, endedAt: window.until, endedBy: 'until' } : window;
}

/** By id, or the latest of a name. @throws AppError WINDOW_UNKNOWN */
export async function requireWindow(on: Queryable, key: string): Promise<StoredWindow> {
  const window = await windowByKey(on, key);
  if (window === null) throw refusal('WINDOW_UNKNOWN', { detail: key });
  return window;
}

export async function viewWindow({ database, clock }: Viewer, key: string): Promise<WindowRecord> {
  return shownWindow(await requireWindow(database, key), { now: clock.now() });
}

export async function viewWindows(
  { database, clock }: Viewer,
  page: Page,
  { all }: { readonly all: boolean },
): Promise<WindowList> {
  const { rows, next } = await pageOf(page, {
    key: keyOfColumns(EpochMs, Uuid),
    load: (after: PageAfter<WindowPosition>) => listWindows(database, all, after),
    keyOf: ({ openedAt, id }): WindowPosition => [Date.parse(openedAt), id],
  });
  const now = clock.now();
  return { windows: rows.map((window) => shownWindow(window, { now })), ...next };
}

export async function viewWindowHosts(
  viewer: Viewer,
  key: string,
  page: Page,
): Promise<WindowHosts> {
  const { database } = viewer;
  const reading = readingOf(viewer);
  const { id } = await requireWindow(database, key);
  const { rows, next } = await pageOf(page, {
    key: Slug,
    load: (after: PageAfter<string>) => hostsOfWindow(database, { id, laggards: false }, after),
    keyOf: ({ name }) => name,
  });
  return {
    hosts: rows.map((host) => ({
      id: host.id,
      name: host.name,
      state: shownState(host, reading).state,
      class: host.class,
      acceptedAt: host.acceptedAt?.toISOString() ?? null,
      lastAuthenticAt: host.lastAuthenticAt.toISOString(),
    })),
    ...next,
  };
}
