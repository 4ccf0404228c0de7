import { type Line, plainOf, type Span, strong } from './text.ts';

const GAP = 2;

/**
 * Aligned columns under their titles. The last column takes what is left of `width` and is cut with an
 * ellipsis; without a width (no terminal) nothing is ever cut.
 */
export function table(
  titles: readonly string[],
  rows: readonly (readonly Span[])[],
  width: number | undefined,
): Line[] {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => plainOf(row[column] ?? '').length)),
  );
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + GAP, 0);
  const rest = width === undefined ? undefined : Math.max(width - before, 16);
  return [titles.map(strong), ...rows].map((cells) =>
    cells.flatMap((cell, column) =>
      column === titles.length - 1
        ? [cut(cell, rest)]
        : [cell, ' '.repeat((widths[column] ?? 0) - plainOf(cell).length + GAP)],
    ),
  );
}

function cut(cell: Span, width: number | undefined): Span {
  const text = plainOf(cell);
  if (width === undefined || text.length <= width) return cell;
  const shorter = `${text.slice(0, width - 1)}…`;
  return typeof cell === 'string' ? shorter : { style: cell.style, text: shorter };
}
