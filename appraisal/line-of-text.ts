const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** Nothing to be done, as for most. */
const PLAIN = /^[\u0020-\u007e]*$/u;

/**
 * Text that a host chose, made fit for a terminal, a log and a page: what would drive one of them
 * (control characters, line separators, changes of direction) is written out, and it is cut at `max`.
 */
export function lineOfText(text: string, max: number): string {
  if (text.length <= max && PLAIN.test(text)) return text;
  const line = text
    .toWellFormed()
    .replaceAll(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`;
}
