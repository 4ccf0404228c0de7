import type { LogReport } from '../appraise/appraise-log-file.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { counted } from './state.ts';
import { bad, caution, faint, good, type Line } from './text.ts';

const VERDICT: Readonly<Record<string, Line>> = {
  affirming: good('The log is what the baselines say.'),
  warning: caution('The log is what the baselines say, with warnings.'),
};

/** What a log by itself was found to be. */
export function logAppraisalLines(
  report: LogReport,
  { titleOf, width }: { readonly titleOf: TitleOf; readonly width: number },
): Line[] {
  const { verdict, class: held, baselines, events, findings, findingsOmitted, imaEntries } = report;
  const names = baselines.map(({ part, name, version }) => `${part}/${name}@${version}`);
  return [
    VERDICT[verdict] ?? bad('The log is not what the baselines say.'),
    faint('No TPM vouches for it: anybody can write a log. Only a quote of its values proves it.'),
    '',
    `Class:     ${held}`,
    `Baselines: ${names.join(' ') || 'none that apply'}`,
    `Events:    ${counted(events.length, 'event')}`,
    ...(imaEntries > 0 ? [`IMA list:  entries up to ${imaEntries}`] : []),
    ...findings.flatMap((finding, index): Line[] => [
      '',
      ...findingLines(finding, { number: index + 1, titleOf, width }),
    ]),
    ...(findingsOmitted > 0
      ? ['', caution(`and ${counted(findingsOmitted, 'finding')} more`)]
      : []),
  ];
}
