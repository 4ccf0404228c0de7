import type { DerivedVerdicts } from '../audit/derive-verdicts.ts';
import { DIFFERENCES } from '../audit/difference-reasons.ts';
import { counted } from './state.ts';
import { bad, caution, faint, good, type Line } from './text.ts';

/** As many are told of one by one. */
const MOST_SHOWN = 100;

/** What came of making verdicts again, the bad before the unknown. */
export function derivedLines(derived: DerivedVerdicts): Line[] {
  const { same, differ, otherRules, withoutContext, gone, more } = derived;
  const made = same + differ.length;
  const nothing = made === 0 ? 'none was made again' : `${counted(made, 'verdict')} made again`;
  const lines: Line[] =
    differ.length === 0
      ? [
          [
            made === 0 ? caution('verdicts') : good('verdicts'),
            `  ${nothing}, each with what is stored`,
          ],
        ]
      : [[bad('verdicts'), `  ${nothing}, ${counted(differ.length, 'of them')} otherwise`]];
  for (const { id, hostId, at, verdict, differences } of differ.slice(0, MOST_SHOWN)) {
    lines.push([bad('  differs'), `  ${id} of ${at}, host ${hostId}: ${verdict}`]);
    for (const { code, where } of differences) {
      lines.push(['           ', `${DIFFERENCES[code].title}: ${where} `, faint(code)]);
    }
  }
  if (differ.length > MOST_SHOWN) {
    lines.push(['  ', `and ${differ.length - MOST_SHOWN} more: --json names them all`]);
  }
  for (const [policy, count] of Object.entries(otherRules)) {
    lines.push([
      caution('  not made again'),
      `  ${count} by other rules than the ones here: ${policy}. A touchstone of that version can.`,
    ]);
  }
  if (withoutContext > 0) {
    const text = `  ${withoutContext} from before it was stored what they were made from.`;
    lines.push([caution('  not made again'), text]);
  }
  if (gone > 0) lines.push([faint('  gone'), `  ${gone} had their time.`]);
  if (more)
    lines.push([caution('  not looked at'), '  There are more: --limit N looks at as many.']);
  return lines;
}
