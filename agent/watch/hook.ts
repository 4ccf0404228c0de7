import { createHash } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BroughtHook } from '../libvirt/hook.ts';
import type { FoundExposure } from './exposures.ts';
import { type LibvirtDaemon, type ProcessId, msOfTicks } from './processes.ts';
import type { WatchRoots } from './settings.ts';

/** Below libvirt's configuration. */
const HOOK_PATH = 'hooks/qemu.d/touchstone';

const MAX_HOOK_BYTES = 1_048_576;
/** A change of the file and the start of a process are kept by clocks of different grain. */
const GRAIN_MS = 1_000;
/** The boot's clock is read to so much, and never ahead. */
const BOOT_CLOCK_MS = 10;

/** When the hook was last heard to be called; seconds since the host was started. */
export type HookHeard = { readonly atBootMs: number };

export type HookView = {
  readonly roots: WatchRoots;
  readonly brought: BroughtHook;
  readonly daemons: readonly LibvirtDaemon[];
  readonly heard: HookHeard | null;
  readonly now: { readonly wallMs: number; readonly bootMs: number };
};

/**
 * Whether libvirt asks the gate: for each libvirtd, by the file as that libvirtd sees it, which may have other mounts
 * than the agent. Where none runs, by the file that the next one would find. libvirtd looks once whether there are
 * hooks, when it starts and at SIGHUP; what it then calls it looks up each time. So a hook that is younger than its
 * libvirtd is believed only once it was called.
 */
export function hookExposures(view: HookView): readonly FoundExposure[] {
  const { roots, daemons } = view;
  if (daemons.length > 0) return daemons.flatMap((daemon) => exposuresOf(view, daemon));
  const { libvirtConfiguration } = roots;
  const installed = statSync(join(libvirtConfiguration, 'qemu.conf'), { throwIfNoEntry: false });
  return installed === undefined ? [] : exposuresOf(view, null);
}

function exposuresOf(view: HookView, daemon: LibvirtDaemon | null): readonly FoundExposure[] {
  const { roots, brought, heard, now } = view;
  const path = join(roots.libvirtConfiguration, HOOK_PATH);
  const found = (code: FoundExposure['code'], detail: string): readonly FoundExposure[] => {
    const by = daemon === null ? '' : `, for ${daemon.program} ${daemon.pid}`;
    return [{ code, subject: `${path}${by}`, detail, vm: null }];
  };
  const file = daemon === null ? path : join(rootOf(roots, daemon), path);
  let stat: Stats | undefined;
  let sha256: string;
  try {
    stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return found('HOOK_MISSING', 'There is no such file.');
    if (!stat.isFile()) return found('HOOK_CHANGED', 'It is no regular file.');
    if ((stat.mode & 0o111) === 0) return found('HOOK_MISSING', 'It is not executable.');
    if (stat.size > MAX_HOOK_BYTES) return found('HOOK_CHANGED', `It has ${stat.size} bytes.`);
    sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (error) {
    return found('WATCH_BLIND', `The hook cannot be read: ${(error as Error).message}`);
  }
  if ('unknown' in brought) {
    return found('WATCH_BLIND', `What the hook has to be cannot be told: ${brought.unknown}`);
  }
  if (sha256 !== brought.sha256) {
    return found('HOOK_CHANGED', `SHA-256 is ${sha256}; this agent brings ${brought.sha256}.`);
  }
  if (stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
    const mode = (stat.mode & 0o777).toString(8);
    return found(
      'HOOK_CHANGED',
      `Others than root may change it: owner ${stat.uid}, mode ${mode}.`,
    );
  }
  if (daemon === null) return [];
  // As seconds since the host was started, by what the wall clock shows now.
  const changedAt = now.bootMs - (now.wallMs - stat.ctimeMs);
  const startedAt = msOfTicks(daemon.startTicks);
  if (changedAt + GRAIN_MS <= startedAt) return [];
  const heardAt = heard === null ? -Infinity : heard.atBootMs + BOOT_CLOCK_MS;
  if (heardAt >= changedAt && heardAt >= startedAt) return [];
  return found(
    'HOOK_NOT_SEEN',
    'The file is younger than the process, and was not called since it was last changed.',
  );
}

/** As that process sees the files. */
export const rootOf = ({ processes }: WatchRoots, { pid }: ProcessId): string =>
  join(processes, String(pid), 'root');
