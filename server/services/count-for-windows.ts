import type { AttestationResult, UpdateWindow } from '@touchstone/appraisal';
import type { Queryable } from '../store/database.ts';
import type { Host, Standing } from '../store/host.ts';
import { acceptHost } from '../store/windows.ts';

/** Of a process: hosts that an earlier transaction counted, so that each is asked about once and not every minute. */
export type WindowCounter = {
  /** Whether the last host of a quota was among these: then what is left to do can be done. */
  readonly count: (on: Queryable, shown: Shown) => Promise<boolean>;
};

type Shown = {
  readonly host: Host;
  readonly standing: Standing;
  readonly result: AttestationResult;
  readonly windows: readonly UpdateWindow[];
  readonly now: Date;
};

/** So many hosts of so many windows; beyond, they are asked about again. */
const MOST = 400_000;

export function windowCounter(): WindowCounter {
  const counted = new Set<string>();
  return {
    async count(on, { host, standing, result, windows, now }) {
      if (windows.length === 0) {
        counted.clear();
        return false;
      }
      let last = false;
      for (const window of windows) {
        const key = `${window.id} ${host.id}`;
        const isOver = !(now.getTime() < new Date(window.until).getTime());
        if (isOver || standing.state !== 'trusted' || counted.has(key)) continue;
        const isAhead = result.windows.some(
          ({ id, state }) => id === window.id && state === 'ahead',
        );
        if (!isAhead) continue;
        const outcome = await acceptHost(on, { window: window.id, host: host.id, now });
        last ||= outcome === 'last';
        // What this transaction counts may be rolled back with it.
        if (outcome === 'counted before' && counted.size < MOST) counted.add(key);
      }
      return last;
    },
  };
}
