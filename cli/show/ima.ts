import type { InspectedIma } from '../inspect/inspect-ima.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { faint, type Line, type Span, strong } from './text.ts';

/** A list of IMA for reading: what it is made of, what it leads to, and what speaks against it. */
export function imaLines(
  { report, survey }: InspectedIma,
  { titleOf, textWidth }: { titleOf: TitleOf; textWidth: number },
): Line[] {
  const { entries, violations, findings } = report;
  const templates = [...survey.templates].map(([name, count]) => `${count} of ${name}`);
  return [
    [
      strong(`An IMA list (${survey.form.format})`),
      `: ${entries === 1 ? '1 entry' : `${entries} entries`}, ${counted(violations, 'violation')}`,
    ],
    ...(templates.length === 0 ? [] : [`Templates: ${templates.join(', ')}`]),
    faint('The list alone proves nothing: hold these values against a quote.'),
    '',
    ...table(['BANK', 'PCR', 'VALUE'], pcrRows(survey), undefined),
    ...findings.flatMap((finding, index): Line[] => [
      '',
      ...findingLines(finding, { number: index + 1, titleOf, width: textWidth }),
    ]),
  ];
}

const pcrRows = ({ pcrs }: InspectedIma['survey']): Span[][] =>
  [...pcrs].flatMap(([pcr, values]) =>
    Object.entries(values).map(([bank, value]) => [
      bank,
      String(pcr),
      Buffer.from(value).toString('hex'),
    ]),
  );
