import type { BaselineList } from '@touchstone/schemas';
import { counted } from './state.ts';
import { caution, type Line } from './text.ts';

/** What was drafted, and how it goes on. */
export function draftLines({ baselines, warnings = [] }: BaselineList): Line[] {
  const names = [...new Set(baselines.map(({ baseline }) => baseline.name))];
  return [
    ...baselines.map(({ baseline: { name, part, version, rules } }): Line => {
      const values = rules.reduce((sum, { allow = [] }) => sum + allow.length, 0);
      return `Drafted ${name}, ${part}, version ${version}: ${counted(values, 'allowed measurement')}`;
    }),
    ...warnings.flatMap(({ subject, actual, remedy }): Line[] => [
      [caution('Warning: '), actual === undefined ? subject : `${subject}: ${actual}`],
      `  ${remedy}`,
    ]),
    ...names.flatMap((name) => [
      `Read it:     touchstone baseline show ${name}`,
      `Try it:      touchstone baseline preview ${name}`,
      `Approve it:  touchstone baseline approve ${name}`,
    ]),
  ];
}

/** Documents as they are, line by line. */
export const yamlTextLines = (yaml: string): Line[] => yaml.replace(/\n$/u, '').split('\n');
