import type { Vm, VmList, VmStarts } from '@touchstone/schemas';
import { ago } from './age.ts';
import { fields } from './fields.ts';
import type { TitleOf } from './reason-titles.ts';
import { classText, counted, labelsText } from './state.ts';
import { table } from './table.ts';
import { bad, good, type Line, strong } from './text.ts';

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
  { uuid, name, classes, hostLabels, images, warnings }: Vm,
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
    ],
    { indent: 2, width },
  ),
];

export function vmStartLines(
  { vm, starts }: VmStarts,
  { now, width, titleOf }: { now: Date; width: number | undefined; titleOf: TitleOf },
): Line[] {
  if (starts.length === 0) return [`Nobody has asked to start ${vm.name} yet.`];
  const rows = starts.map(({ hostName, at, decision, code }) => [
    ago(at, now),
    hostName,
    decision === 'permitted' ? good(decision) : bad(decision),
    code === null ? '-' : `${titleOf(code) ?? inWords(code)} (${code})`,
  ]);
  return [
    ...table(['WHEN', 'HOST', 'DECISION', 'REASON'], rows, width),
    '',
    `${vm.name}: ${counted(starts.length, 'request')}`,
    ...whyLines(starts),
  ];
}

/** The code of a table that is not known here. */
const inWords = (code: string): string => code.toLowerCase().replaceAll('_', ' ');

function whyLines(starts: VmStarts['starts']): Line[] {
  const refusing = new Set(
    starts.flatMap(({ decision, hostName }) => (decision === 'refused' ? [hostName] : [])),
  );
  return [...refusing].map((name): Line => `Why not:  touchstone host explain ${name}`);
}
