import type { Finding, PreviewedHost, PreviewPart } from '@touchstone/schemas';
import { headlineOf, type TitleOf } from './reason-titles.ts';
import { counted, stateSpan } from './state.ts';
import { table } from './table.ts';
import { bad, faint, good, type Line, type Span } from './text.ts';

/** All parts of a preview together. */
export type Preview = {
  readonly documents: PreviewPart['documents'];
  readonly loosens: boolean;
  /** Hosts that the change is for. */
  readonly hosts: number;
  readonly stay: PreviewPart['stay'];
  readonly unverified: number;
  readonly refused: { readonly hosts: number; readonly vms: number };
  readonly trusted: { readonly hosts: number; readonly vms: number };
  /** The first of those that would change. */
  readonly changed: readonly PreviewedHost[];
  /** How many more of them there are. They are counted above. */
  readonly changedOmitted: number;
};

/** As many hosts as are listed one by one. */
const MOST_LISTED = 10_000;
/** On a screen. */
const MOST_SHOWN = 200;

export const NOTHING_SEEN: Preview = {
  documents: [],
  loosens: false,
  hosts: 0,
  stay: { trusted: 0, untrusted: 0 },
  unverified: 0,
  refused: { hosts: 0, vms: 0 },
  trusted: { hosts: 0, vms: 0 },
  changed: [],
  changedOmitted: 0,
};

export function addPart(seen: Preview, part: PreviewPart): Preview {
  const changed = [...seen.changed, ...part.changed.slice(0, MOST_LISTED - seen.changed.length)];
  const total = seen.changed.length + seen.changedOmitted + part.changed.length;
  return {
    documents: part.documents,
    loosens: part.loosens,
    hosts: seen.hosts + part.hosts,
    stay: {
      trusted: seen.stay.trusted + part.stay.trusted,
      untrusted: seen.stay.untrusted + part.stay.untrusted,
    },
    unverified: seen.unverified + part.unverified,
    refused: added(seen.refused, part.changed, 'untrusted'),
    trusted: added(seen.trusted, part.changed, 'trusted'),
    changed,
    changedOmitted: total - changed.length,
  };
}

function added(
  before: Preview['refused'],
  changed: readonly PreviewedHost[],
  to: PreviewedHost['to'],
): Preview['refused'] {
  const these = changed.filter((host) => host.to === to);
  const vms = these.reduce((sum, host) => sum + host.vms.length, 0);
  return { hosts: before.hosts + these.length, vms: before.vms + vms };
}

export function previewLines(
  preview: Preview,
  { titleOf, width }: { readonly titleOf: TitleOf; readonly width: number | undefined },
): Line[] {
  const { documents, refused, trusted, stay, unverified, hosts, loosens } = preview;
  const shown = preview.changed.slice(0, MOST_SHOWN);
  const hidden = preview.changed.length - shown.length + preview.changedOmitted;
  return [
    ...documents.map(({ name, part, version, becomes }): Line => [
      becomes === 'active' ? good('+ ') : bad('- '),
      `${name}, ${part}, version ${version}`,
      faint(becomes === 'active' ? ' would be active' : ' would be retired'),
    ]),
    '',
    [both(refused, bad), ' would be refused'],
    ...(trusted.hosts === 0 ? [] : [[both(trusted, good), ' would be trusted again']]),
    faint(
      `Of ${counted(hosts, 'host')} that this is for ${stay.trusted} stay trusted and ${stay.untrusted} untrusted.`,
    ),
    ...(unverified === 0
      ? []
      : [
          faint(
            `${counted(unverified, 'host')} would stay as they are: their last evidence no longer verifies.`,
          ),
        ]),
    faint(loosens ? 'It loosens: it takes the quorum.' : 'It only tightens: it takes one person.'),
    ...(shown.length === 0 ? [] : ['', ...hostTable(shown, titleOf, width)]),
    ...(hidden === 0 ? [] : [faint(`and ${hidden} more; --json lists up to ${MOST_LISTED}.`)]),
  ];
}

const both = ({ hosts, vms }: Preview['refused'], of: (text: string) => Span): Span => {
  const text = `${counted(hosts, 'host')} and ${counted(vms, 'VM')}`;
  return hosts === 0 ? text : of(text);
};

function hostTable(
  changed: readonly PreviewedHost[],
  titleOf: TitleOf,
  width: number | undefined,
): Line[] {
  const rows = changed.map(({ name, from, to, vms, findings }) => [
    name,
    stateSpan(from),
    stateSpan(to),
    String(vms.length),
    findings[0] === undefined ? '-' : whyText(findings[0], titleOf),
  ]);
  return table(['HOST', 'NOW', 'THEN', 'VMS', 'WHY'], rows, width);
}

function whyText(finding: Finding, titleOf: TitleOf): string {
  const headline = headlineOf(finding, titleOf);
  const { subject, event, nearest, actual } = finding;
  const what = event?.name ?? (subject === headline ? undefined : subject);
  const told = nearest ?? actual;
  const where = what !== undefined && told?.startsWith(what) === true ? undefined : what;
  return [headline, where, told].filter((part) => part !== undefined && part !== '').join(': ');
}
