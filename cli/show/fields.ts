import { faint, type Line, type Span, wrapWords } from './text.ts';

export type Field = readonly [label: string, value: Span | null | undefined];

/** Labelled values under each other, the values aligned and wrapped; absent ones are left out. */
export function fields(
  entries: readonly Field[],
  { indent = 0, width }: { readonly indent?: number; readonly width: number },
): Line[] {
  const labelled = entries.flatMap(([label, value]) => (value ? [[label, value] as const] : []));
  const labelWidth = Math.max(0, ...labelled.map(([label]) => label.length)) + 2;
  const valueWidth = Math.max(width - indent - labelWidth, 24);
  return labelled.flatMap(([label, value]) => {
    const text = typeof value === 'string' ? value : value.text;
    return wrapWords(text, valueWidth).map((line, index): Line => [
      ' '.repeat(indent),
      faint((index === 0 ? label : '').padEnd(labelWidth)),
      typeof value === 'string' ? line : { style: value.style, text: line },
    ]);
  });
}
