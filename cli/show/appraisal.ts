import type { Appraisal } from '@touchstone/appraisal';
import { classText } from './state.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { bad, caution, faint, good, type Line, type Span } from './text.ts';

const PAINT: Readonly<Record<string, (text: string) => Span>> = {
  affirming: good,
  warning: caution,
};

/** What an appraisal found, as blocks. */
export function appraisalLines(
  appraisal: Appraisal,
  {
    titleOf,
    width,
    outcome,
  }: {
    readonly titleOf: TitleOf;
    readonly width: number;
    /** Of its bytes; null where there is none. */
    readonly outcome: string | null;
  },
): Line[] {
  const findings = appraisal.ok ? appraisal.result.findings : appraisal.findings;
  const blocks = findings.flatMap((finding, index): Line[] => [
    '',
    ...findingLines(finding, { number: index + 1, titleOf, width }),
  ]);
  if (!appraisal.ok) return [[bad('not authentic'), '  There is no verdict on it.'], ...blocks];
  const { result } = appraisal;
  const { verdict, class: held, baselines, findingsOmitted } = result;
  const names = baselines.map(({ part, name, version }) => `${part}/${name}@${version}`);
  return [
    [
      (PAINT[verdict] ?? bad)(verdict),
      `  class ${classText(held, result.selfReportedMeasurements)}`,
    ],
    ['baselines  ', names.join(' ') || 'none'],
    ['outcome    ', faint(outcome ?? '')],
    ...blocks,
    ...(findingsOmitted > 0 ? ['', caution(`and ${findingsOmitted} findings more`)] : []),
  ];
}
