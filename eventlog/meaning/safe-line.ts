// Controls (C0, DEL, C1), line separators, what turns the direction of writing, and what has no width.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const BLANKS = /[\t\n\r ]+/gu;
/** Words of ASCII with one space between two: most text is so, and stays. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/u;

/** More than that is a list, and no name. */
const LONGEST = 240;

/**
 * One line of text for people, of at most 240 characters, that drives no terminal and turns no writing. Line
 * ends and tabs become blanks; what else is taken out leaves U+FFFD. Markup stays: what writes HTML escapes it.
 */
export function safeLine(text: string): string {
  if (text.length <= LONGEST && PLAIN.test(text)) return text;
  // Cut before it is looked at: a log may hold megabytes. A surrogate that is cut through is taken out.
  const start = text.slice(0, 4 * LONGEST).toWellFormed();
  const line = start.replaceAll(BLANKS, ' ').replaceAll(UNSAFE, '\ufffd').trim();
  return line.length <= LONGEST && start.length === text.length
    ? line
    : `${line.slice(0, LONGEST - 1).toWellFormed()}…`;
}
