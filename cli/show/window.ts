import type { WindowChange, WindowHosts, WindowRecord } from '@touchstone/schemas';
import { age, ago, until as untilText } from './age.ts';
import { changedHostLines } from './baseline.ts';
import { fields } from './fields.ts';
import { counted, stateSpan } from './state.ts';
import { table } from './table.ts';
import { caution, faint, good, type Line, type Span, strong } from './text.ts';

/** Laggards on a screen. */
const MOST_SHOWN = 200;

const ENDED: Readonly<Record<NonNullable<WindowRecord['endedBy']>, string>> = {
  until: 'its time was up',
  quota: 'enough hosts were accepted',
  person: 'closed',
  abandoned: 'abandoned',
};

export function windowListLines(
  windows: readonly WindowRecord[],
  now: Date,
  width: number | undefined,
): Line[] {
  if (windows.length === 0) return ['No update window is open.'];
  const rows = windows.map((window) => [
    window.name,
    stateOf(window),
    progressText(window),
    window.laggards === 0 ? good('0') : caution(String(window.laggards)),
    window.endedAt === null ? untilText(window.until, now) : ago(window.endedAt, now),
    window.openedBy,
    documentsText(window),
  ]);
  const titles = ['NAME', 'STATE', 'ACCEPTED', 'LAGGARDS', 'ENDS', 'OPENED BY', 'DOCUMENTS'];
  return table(titles, rows, width);
}

export function windowLines(
  { window, hosts }: { readonly window: WindowRecord; readonly hosts: WindowHosts['hosts'] },
  now: Date,
  { width, textWidth }: { readonly width: number | undefined; readonly textWidth: number },
): Line[] {
  const laggards = hosts.filter(({ acceptedAt }) => acceptedAt === null);
  const rows = laggards
    .slice(0, MOST_SHOWN)
    .map((host) => [
      host.name,
      stateSpan(host.state),
      host.class,
      `${age(host.lastAuthenticAt, now)} ago`,
    ]);
  const more = laggards.length - rows.length;
  return [
    [strong(window.name), ': ', stateOf(window)],
    ...fields(
      [
        ['documents', documentsText(window)],
        ['accepted', progressText(window)],
        ['ends', endText(window, now)],
        ['opened', `by ${window.openedBy} ${ago(window.openedAt, now)}`],
        ['id', window.id],
      ],
      { indent: 2, width: textWidth },
    ),
    '',
    ...(laggards.length === 0
      ? [good('No laggards: every host that it is for is on the new documents.')]
      : [
          caution(`${counted(laggards.length, 'laggard')}, not accepted by the new documents yet:`),
          '',
          ...table(['HOST', 'STATE', 'CLASS', 'LAST SEEN'], rows, width),
          ...(more === 0 ? [] : [faint(`and ${more} more; --json lists all.`)]),
        ]),
  ];
}

export function windowChangeLines({ window, changedHosts }: WindowChange, now: Date): Line[] {
  const { name, laggards } = window;
  return [
    [strong(name), ': ', stateOf(window), `, ${documentsText(window)}`],
    `  ${window.endedAt === null ? `ends ${endText(window, now)}` : endText(window, now)}; ${counted(laggards, 'laggard')}`,
    ...changedHostLines({ baselines: [], changedHosts }),
    ...(window.endedAt === null ? [`How far it is:  touchstone baseline window show ${name}`] : []),
  ];
}

const stateOf = ({ endedBy }: WindowRecord): Span =>
  endedBy === null ? caution('open') : faint(endedBy === 'abandoned' ? 'abandoned' : 'ended');

const documentsText = ({ documents }: WindowRecord): string =>
  documents.map(({ part, version }) => `${part} version ${version}`).join(', ');

const progressText = ({ accepted, quota }: WindowRecord): string =>
  quota === null ? String(accepted) : `${accepted} of ${quota}`;

function endText({ until, quota, endedAt, endedBy }: WindowRecord, now: Date): string {
  if (endedAt !== null && endedBy !== null) return `ended ${ago(endedAt, now)}: ${ENDED[endedBy]}`;
  const orQuota =
    quota === null
      ? ''
      : `, or once ${counted(quota, 'host')} ${quota === 1 ? 'is' : 'are'} accepted`;
  return `${untilText(until, now)}, at ${until}${orQuota}`;
}
