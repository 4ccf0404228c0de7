/**
 * Text on its way to a terminal. Only the screen writes escape sequences, and it does so around text
 * that was made safe before: nothing that a server or a host says can drive the terminal.
 */
export type Style = 'good' | 'bad' | 'caution' | 'faint' | 'strong';
export type Span = string | { readonly style: Style; readonly text: string };
export type Line = Span | readonly Span[];

/** Select Graphic Rendition, ECMA-48 section 8.3.117. */
const SGR: Record<Style, string> = {
  good: '32',
  bad: '1;31',
  caution: '33',
  faint: '2',
  strong: '1',
};

// Controls (C0 without the tab, DEL, C1), line separators, and what turns the direction of writing.
const UNSAFE =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** One line of text that a terminal only shows. What is taken out leaves a mark. */
const printable = (text: string): string => text.toWellFormed().replaceAll(UNSAFE, '\ufffd');

/** The same for text of several lines. */
export const printableLines = (text: string): string =>
  text.replaceAll('\r\n', '\n').split('\n').map(printable).join('\n');

/** JSON whose every unsafe character is escaped, so that it is the same value and safe to look at. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => line.replaceAll(UNSAFE, escaped))
    .join('\n');

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

export const good = (text: string): Span => ({ style: 'good', text });
export const bad = (text: string): Span => ({ style: 'bad', text });
export const caution = (text: string): Span => ({ style: 'caution', text });
export const faint = (text: string): Span => ({ style: 'faint', text });
export const strong = (text: string): Span => ({ style: 'strong', text });

const spansOf = (line: Line): readonly Span[] =>
  typeof line === 'string' || 'text' in line ? [line] : line;

const textOf = (span: Span): string => printable(typeof span === 'string' ? span : span.text);

/** What people see of a line, without colours. */
export const plainOf = (line: Line): string => spansOf(line).map(textOf).join('');

export function renderLine(line: Line, colours: boolean): string {
  if (!colours) return plainOf(line);
  return spansOf(line)
    .map((span) => {
      const text = textOf(span);
      return typeof span === 'string' || text === ''
        ? text
        : `\u001b[${SGR[span.style]}m${text}\u001b[0m`;
    })
    .join('');
}

/**
 * Lines of at most `width` characters, broken between words; a longer word stands alone, whole. What is
 * in parentheses stays on one line where it can, so that a digest keeps the words that say what it is.
 */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of unbroken(printable(text), width)) {
    if (line === '') line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

const unbroken = (text: string, width: number): string[] =>
  [...text.matchAll(/\([^()]*\)\S*|\S+/gu)].flatMap(([group]) =>
    group.length <= width ? [group] : group.split(/\s+/u),
  );
