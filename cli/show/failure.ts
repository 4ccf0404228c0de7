import type { ShownProblem } from '../failure.ts';
import { fields } from './fields.ts';
import { findingLines } from './finding.ts';
import { loadTitles } from './reason-titles.ts';
import { bad, faint, type Line } from './text.ts';

/** Why the command did not do it, in the answerer's own words, and what to do. */
export async function showFailure(problem: ShownProblem, width: number): Promise<Line[]> {
  const { code, title, detail, field, remedy, findings = [] } = problem;
  const lines: Line[] = [
    [bad('touchstone: '), title, faint(` (${code})`)],
    ...fields(
      [
        ['detail', detail],
        ['field', field],
        ['to do', remedy],
      ],
      { indent: 2, width },
    ),
  ];
  if (findings.length === 0) return lines;
  const titleOf = await loadTitles();
  const blocks = findings.flatMap((finding, index): Line[] => [
    '',
    ...findingLines(finding, { number: index + 1, titleOf, width }),
  ]);
  return [...lines, ...blocks];
}
