import type { BaselineDiff } from '@touchstone/appraisal';
import { bad, caution, good, type Line, type Span, strong } from './text.ts';

export function diffLines(diffs: readonly BaselineDiff[]): Line[] {
  if (diffs.length === 0) return ['Nothing differs.'];
  return diffs.flatMap(({ name, part, before, after, lines }, index): Line[] => [
    ...(index === 0 ? [] : ['']),
    strong(`${name}, ${part}: ${versionText(before)} -> ${versionText(after)}`),
    ...lines.map(coloured),
  ]);
}

const versionText = (version: number | undefined): string =>
  version === undefined ? 'none' : `version ${version}`;

const COLOURS: Readonly<Record<string, (text: string) => Span>> = {
  '+': good,
  '-': bad,
  '~': caution,
};

const coloured = (line: string): Line => [COLOURS[line.charAt(0)]?.(line) ?? line];
