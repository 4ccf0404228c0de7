import type { DiskKeyList, Vm, VmList, VmStarts } from '@touchstone/schemas';
import { ago } from './age.ts';
import { fields } from './fields.ts';
import type { TitleOf } from './reason-titles.ts';
import { classText, counted, labelsText } from './state.ts';
import { table } from './table.ts';
import { bad, caution, good, type Line, type Span, strong } from './text.ts';

export function vmListLines({ vms }: VmList, width: number | undefined): Line[] {
  if (vms.length === 0) {
    return [
      'No VM is registered yet.',
      'Register one:  touchstone vm add UUID --name NAME --class CLASS',
    ];
  }
  const rows = vms.map(({ name, uuid, classes, hostLabels, images }) => [
    name,
    uuid,
    classes.join(','),
    images.length === 0 ? 'any' : String(images.length),
    labelsText(hostLabels) || '-',
  ]);
  return table(['NAME', 'UUID', 'CLASS', 'IMAGES', 'HOST LABELS'], rows, width);
}

export const vmLines = (
  { uuid, name, classes, hostLabels, images, warnings, disks = [], failMode, onLoss }: Vm,
  width: number,
): Line[] => [
  strong(name),
  ...fields(
    [
      ['uuid', uuid],
      ['runs on', classes.map((each) => classText(each)).join(', ')],
      ['host labels', labelsText(hostLabels) || 'any'],
      ['images', images.length === 0 ? 'any' : images.join(' ')],
      [
        'warnings',
        warnings === 'refuse' ? 'refused: only where the verdict is affirming' : undefined,
      ],
      ['disks', disks.map((disk) => `${disk.name} ${disk.kind}`).join(', ') || undefined],
      ['no verdict', failModeText(failMode)],
      ['on loss of trust', onLoss],
    ],
    { indent: 2, width },
  ),
];

function failModeText(failMode: Vm['failMode']): string | undefined {
  switch (failMode?.mode) {
    case undefined:
    case 'refuse':
      return undefined;
    case 'allow-if-attested-within':
      return `starts for ${counted(failMode.seconds, 'second')} after its host was attested last`;
    case 'allow-and-flag':
      return 'starts as long as its host is not restarted, and is shown';
  }
}

export function diskKeyLines({ keys }: DiskKeyList, now: Date, width: number | undefined): Line[] {
  if (keys.length === 0) return ['No key is stored.'];
  const rows = keys.map(({ disk, setAt, setBy }) => [disk, ago(setAt, now), setBy]);
  return table(['DISK', 'STORED', 'BY'], rows, width);
}

export function vmStartLines(
  { vm, starts }: VmStarts,
  { now, width, titleOf }: { now: Date; width: number | undefined; titleOf: TitleOf },
): Line[] {
  if (starts.length === 0) return [`Nobody has asked to start ${vm.name} yet.`];
  const rows = starts.map(({ hostName, at, decision, requestId }) => [
    ...[ago(at, now), hostName, DECISION[decision], requestId],
  ]);
  const [titles = '', ...lines] = table(['WHEN', 'HOST', 'DECISION', 'REQUEST'], rows, undefined);
  return [
    titles,
    ...starts.flatMap((start, index): Line[] => [
      lines[index] ?? '',
      ...reasonLines(start, width, titleOf),
    ]),
    '',
    `${vm.name}: ${counted(starts.length, 'request')}`,
    ...whyLines(starts),
  ];
}

const DECISION: Readonly<Record<VmStarts['starts'][number]['decision'], Span>> = {
  permitted: good('permitted'),
  refused: bad('refused'),
  licensed: caution('licensed'),
  observed: caution('observed'),
};

/** Why, beneath a request: it is cut rather than the id, by which it is found elsewhere. */
function reasonLines(
  { code, told }: VmStarts['starts'][number],
  width: number | undefined,
  titleOf: TitleOf,
): Line[] {
  if (code === null) return [];
  const by = told === true ? ', decided by the host alone' : '';
  const text = `  ${titleOf(code) ?? inWords(code)} (${code})${by}`;
  return width === undefined || text.length <= width ? [text] : [`${text.slice(0, width - 1)}…`];
}

/** The code of a table that is not known here. */
const inWords = (code: string): string => code.toLowerCase().replaceAll('_', ' ');

function whyLines(starts: VmStarts['starts']): Line[] {
  const refusing = new Set(
    starts.flatMap(({ decision, hostName }) => (decision === 'refused' ? [hostName] : [])),
  );
  return [...refusing].map((name): Line => `Why not:  touchstone host explain ${name}`);
}
