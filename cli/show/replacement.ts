import type { Replacement, ReplacementList } from '@touchstone/schemas';
import { age } from './age.ts';
import { fields } from './fields.ts';
import { classText } from './state.ts';
import { table } from './table.ts';
import { caution, faint, type Line, type Span, strong } from './text.ts';

export function replacementListLines(
  { replacements }: ReplacementList,
  now: Date,
  width: number | undefined,
): Line[] {
  if (replacements.length === 0) return ['No other identity was offered for a known host.'];
  const rows = replacements.map((replacement) => [
    replacement.id,
    replacement.hostName,
    replacement.kind,
    stateSpan(replacement.state),
    age(replacement.lastAt, now),
    String(replacement.times),
    classText(replacement.offered.class),
    replacement.offered.akName,
  ]);
  const titles = ['ID', 'HOST', 'KIND', 'STATE', 'LAST', 'TIMES', 'CLASS', 'OFFERED AK NAME'];
  return table(titles, rows, width);
}

export const replacementLines = (replacement: Replacement, width: number): Line[] => [
  strong(`${replacement.hostName}: ${replacement.kind} ${replacement.state}`),
  ...fields(
    [
      ['AK Name', replacement.offered.akName],
      ['ekRef', replacement.offered.ekRef],
      ['class', classText(replacement.offered.class)],
      ['by', replacement.decidedBy],
      ['next', replacement.state === 'approved' ? 'enrol the host again' : undefined],
    ],
    { indent: 2, width },
  ),
];

const stateSpan = (state: Replacement['state']): Span =>
  state === 'waiting' ? caution(state) : faint(state);
