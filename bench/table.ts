import type { Figure, Quantity } from './row.ts';

export type Measured = Figure & { readonly row: string };

const HEAD = ['', '', 'measured', 'against', '', 'ratio', 'to reach', ''] as const;
/** Columns whose figures are read from the right. */
const RIGHT: ReadonlySet<number> = new Set([2, 4, 5]);

/** For a person to read; a row's name stands once. */
export function tableOf(figures: readonly Measured[]): string {
  const lines = figures.map((figure, index) => [
    figures[index - 1]?.row === figure.row ? '' : figure.row,
    figure.what,
    inWords(figure.measured),
    figure.against.name,
    inWords(figure.against),
    figure.ratio?.toFixed(2) ?? '–',
    figure.reach ?? '–',
    figure.reach === null ? '' : figure.reached ? 'reached' : 'MISSED',
  ]);
  const cells = [[...HEAD], ...lines];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const [head, ...body] = cells.map((line) =>
    line
      .map((cell, column) =>
        RIGHT.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const spaced = body.map((line, index) =>
    index > 0 && figures[index - 1]?.row !== figures[index]?.row ? `\n${line}` : line,
  );
  return [head, rule, ...spaced].join('\n');
}

const UNITS = { us: 'µs', ms: 'ms', MB: 'MB', '%': '%', x: '×' } as const;

/** Three figures that count. */
const inWords = ({ value, unit }: Quantity): string =>
  `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${UNITS[unit]}`;
