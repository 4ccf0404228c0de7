/** A line that begins a document: YAML 1.2, 9.1.2. It does so in every context, within scalars too. */
const MARKER = /^---(?=[ \t\r\n]|$)/mu;

/** What holds no document: comments and blank lines alone. */
const EMPTY = /^(?:[ \t]*(?:#.*)?(?:\r?\n|$))*$/u;

/**
 * The text of each document of a YAML stream, without the marks between them. Comments before the first mark
 * are the first document's.
 */
export function documentTexts(stream: string): string[] {
  const [before = '', ...after] = stream.replace(/^\uFEFF/u, '').split(MARKER);
  const texts = after.map((text) => text.replace(/^[ \t]*\r?\n/u, ''));
  if (!EMPTY.test(before)) return [before, ...texts];
  const [first, ...more] = texts;
  return first === undefined ? [before] : [`${before}${first}`, ...more];
}
