/** A pattern of a whole text: `*` for any text, however long; a backslash before `*` or `\` for itself. */
export type Glob = { matches(text: string): boolean };

/** A text to be found, with what Knuth, Morris and Pratt make of it beforehand. */
type Segment = { readonly text: string; readonly fallback: readonly number[] };

/**
 * Reads a pattern; matching is linear in the lengths of text and pattern, whatever they are. There is
 * nothing else to write in one: no classes, no alternatives, no repetition.
 *
 * @throws RangeError for an empty pattern, two stars in a row, and a backslash before anything else.
 */
export function compileGlob(pattern: string): Glob {
  const [first = '', ...rest] = literalsOf(pattern);
  const last = rest.pop();
  if (last === undefined) return { matches: (text) => text === first };
  const between = rest.map(segmentOf);
  return {
    matches(text) {
      const end = text.length - last.length;
      if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
      let at = first.length;
      for (const segment of between) {
        at = endOfFirst(segment, text, at, end);
        if (at < 0) return false;
      }
      return true;
    },
  };
}

/** The texts between the stars. */
function literalsOf(pattern: string): string[] {
  if (pattern === '') throw new RangeError('an empty pattern');
  const literals = [''];
  let star = false;
  for (let at = 0; at < pattern.length; at += 1) {
    let char = pattern.charAt(at);
    if (char === '*') {
      if (star) throw new RangeError('two stars in a row');
      literals.push('');
      star = true;
      continue;
    }
    star = false;
    if (char === '\\') {
      at += 1;
      char = pattern.charAt(at);
      if (char !== '*' && char !== '\\') throw new RangeError('a backslash before no star');
    }
    literals[literals.length - 1] += char;
  }
  return literals;
}

function segmentOf(text: string): Segment {
  const fallback = [0];
  let matched = 0;
  for (let at = 1; at < text.length; at += 1) {
    while (matched > 0 && text[at] !== text[matched]) matched = fallback[matched - 1] ?? 0;
    if (text[at] === text[matched]) matched += 1;
    fallback.push(matched);
  }
  return { text, fallback };
}

/** Where the first occurrence within [from, end) ends; -1 for none. */
function endOfFirst(
  { text, fallback }: Segment,
  within: string,
  from: number,
  end: number,
): number {
  let matched = 0;
  for (let at = from; at < end; at += 1) {
    while (matched > 0 && within[at] !== text[matched]) matched = fallback[matched - 1] ?? 0;
    if (within[at] === text[matched]) matched += 1;
    if (matched === text.length) return at + 1;
  }
  return -1;
}
