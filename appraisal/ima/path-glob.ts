/** Whether a path is one of a pattern's, in the words of ImaGlob. */
export type PathGlob = { matches(path: string): boolean };

type Token =
  { readonly kind: 'text'; readonly char: string } | { readonly kind: 'one' | 'segment' | 'any' };

/**
 * Reads a pattern. Matching takes at most the path's length times the pattern's, whatever they hold: all places
 * that the pattern may have reached are walked at once.
 */
export function compilePathGlob(pattern: string): PathGlob {
  const tokens = tokensOf(pattern);
  const prefix = literalPrefix(tokens);
  const rest = tokens.slice(prefix.length);
  return {
    matches: (path) => path.startsWith(prefix) && matchesAll(rest, path, prefix.length),
  };
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '?') tokens.push({ kind: 'one' });
    else if (char !== '*') tokens.push({ kind: 'text', char });
    else {
      let stars = 1;
      while (pattern.charAt(at + 1) === '*') {
        at += 1;
        stars += 1;
      }
      tokens.push({ kind: stars === 1 ? 'segment' : 'any' });
    }
  }
  return tokens;
}

function literalPrefix(tokens: readonly Token[]): string {
  let prefix = '';
  for (const token of tokens) {
    if (token.kind !== 'text') break;
    prefix += token.char;
  }
  return prefix;
}

function matchesAll(tokens: readonly Token[], path: string, from: number): boolean {
  let places = closure(tokens, new Set([0]));
  for (let at = from; at < path.length && places.size > 0; at += 1) {
    const char = path.charAt(at);
    const reached = new Set<number>();
    for (const place of places) {
      const token = tokens[place];
      if (token === undefined) continue;
      const stays = token.kind === 'any' || (token.kind === 'segment' && char !== '/');
      const steps =
        token.kind === 'text' ? token.char === char : token.kind === 'one' && char !== '/';
      if (stays) reached.add(place);
      if (steps) reached.add(place + 1);
    }
    places = closure(tokens, reached);
  }
  return places.has(tokens.length);
}

/** A star may also stand for nothing. */
function closure(tokens: readonly Token[], places: Set<number>): Set<number> {
  for (const place of places) {
    const kind = tokens[place]?.kind;
    if (kind === 'segment' || kind === 'any') places.add(place + 1);
  }
  return places;
}
