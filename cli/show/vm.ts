import type { DiskKeyList, ReasonTitles, Vm, VmStarts } from '@touchstone/schemas';
import { ago } from './age.ts';
import { type Field, fields } from './fields.ts';
import { classText, counted, labelsText } from './state.ts';
import { table } from './table.ts';
import { bad, caution, good, type Line, type Span, strong } from './text.ts';

/** `standing`: what stands first, where it was asked for. */
export const vmLines = (
  { uuid, name, classes, hostLabels, images, warnings, disks = [], failMode, onLoss }: Vm,
  width: number,
  standing: readonly Field[] = [],
): Line[] => [
  strong(name),
  ...fields(
    [
      ['uuid', uuid],
      ...standing,
      ['may run on', classes.map((each) => classText(each)).join(', ')],
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

/** The latest first, with what each was refused for, and beneath them what to do about that, once. */
export function vmStartLines(
  { vm, starts }: VmStarts,
  options: {
    readonly now: Date;
    readonly width: number | undefined;
    readonly textWidth: number;
    readonly reasons: ReasonTitles['reasons'];
  },
): Line[] {
  if (starts.length === 0) return [`Nobody has asked to start ${vm.name} yet.`];
  const { now, width, textWidth } = options;
  const reasons: Reasons = new Map(options.reasons.map((reason) => [reason.code, reason]));
  const rows = starts.map(({ hostName, at, decision, requestId }) => [
    ...[ago(at, now), hostName, DECISION[decision], requestId],
  ]);
  const [titles = '', ...lines] = table(['WHEN', 'HOST', 'DECISION', 'REQUEST'], rows, undefined);
  return [
    titles,
    ...starts.flatMap((start, index): Line[] => [
      lines[index] ?? '',
      ...reasonLines(start, width, reasons),
    ]),
    '',
    `${vm.name}: ${counted(starts.length, 'request')}`,
    ...remedyLines(starts, reasons, textWidth),
    ...whyLines(starts, reasons),
  ];
}

type Start = VmStarts['starts'][number];
type Reasons = ReadonlyMap<string, ReasonTitles['reasons'][number]>;

const DECISION: Readonly<Record<Start['decision'], Span>> = {
  permitted: good('permitted'),
  refused: bad('refused'),
  licensed: caution('licensed'),
  observed: caution('observed'),
  failed: caution('failed'),
  differs: bad('differs'),
};

const TOLD_AS: Readonly<Partial<Record<Start['decision'], string>>> = {
  failed: 'its host says',
  differs: 'its host says',
};

/** Why, beneath a request: it is cut rather than the id, by which it is found elsewhere. */
function reasonLines(
  { code, told, decision }: Start,
  width: number | undefined,
  reasons: Reasons,
): Line[] {
  if (code === null) return [];
  const by = told === true ? `, ${TOLD_AS[decision] ?? 'decided by the host alone'}` : '';
  const text = `  ${reasons.get(code)?.title ?? inWords(code)} (${code})${by}`;
  return width === undefined || text.length <= width ? [text] : [`${text.slice(0, width - 1)}…`];
}

/** The code of a table that is not known here: the agent's own. */
const inWords = (code: string): string => code.toLowerCase().replaceAll('_', ' ');

/** About the VM, its record and the request; what is wrong with a host its explanation says. */
function remedyLines(starts: readonly Start[], reasons: Reasons, width: number): Line[] {
  const codes = new Set(starts.flatMap(({ code }) => (code === null ? [] : [code])));
  const remedies = [...codes]
    .filter((code) => !isOfHost(code, reasons))
    .map((code) => [code, reasons.get(code)?.remedy] as const);
  const lines = fields(remedies, { indent: 2, width });
  return lines.length === 0 ? [] : ['', 'To do:', ...lines];
}

/** Reasons of evidence have no remedy of their own here: it depends on what was measured. */
function isOfHost(code: string, reasons: Reasons): boolean {
  const reason = reasons.get(code);
  return code === 'HOST_NOT_TRUSTED' || (reason !== undefined && reason.remedy === undefined);
}

function whyLines(starts: readonly Start[], reasons: Reasons): Line[] {
  const refusing = new Set(
    starts.flatMap(({ code, hostName }) =>
      code !== null && isOfHost(code, reasons) ? [hostName] : [],
    ),
  );
  return [...refusing].map((name): Line => `Why not:  touchstone host explain ${name}`);
}
