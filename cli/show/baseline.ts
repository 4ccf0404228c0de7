import type { BaselineList, BaselineRecord } from '@touchstone/schemas';
import { ago } from './age.ts';
import { labelsText, stateSpan } from './state.ts';
import { table } from './table.ts';
import { caution, faint, good, type Line, type Span } from './text.ts';

const STATE: Record<BaselineRecord['state'], Span> = {
  draft: caution('draft'),
  window: caution('window'),
  active: good('active'),
  retired: faint('retired'),
};

export function baselineListLines(
  records: readonly BaselineRecord[],
  now: Date,
  width: number | undefined,
): Line[] {
  if (records.length === 0) {
    return [
      'There are no baselines, so no host can be trusted yet.',
      'Draft one from a host that is known to be good:',
      '  touchstone baseline capture HOST --name NAME',
    ];
  }
  const rows = records.map(({ baseline, state, draftedBy, approvedBy, approvedAt }) => [
    baseline.name,
    baseline.part,
    String(baseline.version),
    STATE[state],
    draftedBy,
    approvedBy === null ? '-' : `${approvedBy}, ${ago(approvedAt ?? '', now)}`,
    matchText(baseline.match),
  ]);
  const titles = ['NAME', 'PART', 'VERSION', 'STATE', 'DRAFTED BY', 'APPROVED BY', 'APPLIES TO'];
  return table(titles, rows, width);
}

/** One document on one line, as a heading for it. */
export function describeBaseline(
  { baseline, state, draftedBy, draftedAt, approvedBy, approvedAt }: BaselineRecord,
  now: Date,
): string {
  const by =
    approvedBy === null || approvedAt === null
      ? `drafted by ${draftedBy} ${ago(draftedAt, now)}`
      : `approved by ${approvedBy} ${ago(approvedAt, now)}`;
  return `${baseline.name}, ${baseline.part}, version ${baseline.version}: ${state}, ${by}`;
}

/** What an approval did to the fleet. */
export function changedHostLines({ changedHosts }: BaselineList): Line[] {
  if (changedHosts === undefined) return [];
  if (changedHosts.length === 0) return ['No host changed its state by this.'];
  return changedHosts.map(({ name, from, to }) => [
    `${name}: `,
    stateSpan(from),
    ' -> ',
    stateSpan(to),
  ]);
}

function matchText({ class: classes, labels, host }: BaselineRecord['baseline']['match']): string {
  const only = host === undefined ? '' : `host ${host} `;
  return `${only}${classes.join(',')} ${labelsText(labels)}`.trim();
}
