import type { Retention, RetentionKind, RetentionRemoval } from '@touchstone/schemas';
import { age } from './age.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { faint, type Line } from './text.ts';

/** What people call it, in the order of their interest. */
const NAMES: Record<RetentionKind, string> = {
  attestations: 'attestations',
  evidence: 'evidence',
  blobs: 'logs of evidence',
  starts: 'starts of VMs',
  audit: 'audit log',
  alerts: 'acknowledged alerts',
  joinTokens: 'ended join tokens',
  apiTokens: 'ended tokens',
  browserSessions: 'ended browser sessions',
  pendingHosts: 'hosts that nobody admitted',
  waitingOffers: 'replacements that nobody decided',
};
const KINDS = Object.keys(NAMES) as RetentionKind[];

const KEPT_WITH: Partial<Record<RetentionKind, string>> = {
  evidence: 'as attestations',
  blobs: 'as evidence',
};

export function retentionLines({ kinds, due }: Retention, now: Date, width?: number): Line[] {
  const rows = KINDS.flatMap((kind) => {
    const found = kinds.find((one) => one.kind === kind);
    if (found === undefined) return [];
    const { days, since, bytes } = found;
    const kept = days === null ? (KEPT_WITH[kind] ?? '') : counted(days, 'day');
    return [[NAMES[kind], kept, since === null ? 'none' : age(since, now), sizeText(bytes)]];
  });
  const next =
    due.length === 0
      ? 'Nothing has had its time.'
      : `${counted(due.length, 'part')} would go now: \`touchstone retention run --dry-run\` lists them.`;
  return [...table(['KIND', 'KEPT FOR', 'OLDEST', 'SIZE'], rows, width), '', faint(next)];
}

export function removalLines(removals: readonly RetentionRemoval[], width?: number): Line[] {
  const rows = removals.map(({ kind, part, since, until, rows: count, kept, bytes }) => [
    NAMES[kind],
    part,
    day(since),
    day(until),
    String(count),
    String(kept),
    sizeText(bytes),
  ]);
  return table(['KIND', 'TABLE', 'FROM', 'TO', 'ROWS', 'KEPT', 'SIZE'], rows, width);
}

const day = (timestamp: string): string => timestamp.slice(0, 10);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function sizeText(bytes: number): string {
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  const size = bytes / 1_024 ** step;
  return `${step === 0 || size >= 10 ? Math.round(size) : size.toFixed(1)} ${UNITS[step]}`;
}
