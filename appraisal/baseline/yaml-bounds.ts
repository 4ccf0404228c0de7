import { type CST, Lexer, type LineCounter, Parser } from 'yaml';
import { BaselineError } from './baseline-error.ts';

/** Far beyond any baseline: label maps hold 32 keys, lists 10,000 rules or digests, in a depth of 7. */
const MAX_KEYS = 64;
const MAX_ITEMS = 10_000;
const MAX_DEPTH = 32;
/** Of syntax. A policy for a hundred thousand files is long, and nearly all of it one text in one piece. */
const MAX_SYNTAX = 8_388_608;
/** So much of one piece counts as syntax: what is longer is a text that takes no longer to read for its length. */
const COUNTED = 64;

/**
 * The syntax of a text, document by document, given up as soon as it is deeper or has more in one place
 * than any baseline: what comes after costs the square of a map's keys, and stack by depth.
 *
 * @throws BaselineError BASELINE_TOO_LARGE
 */
export function* boundedSyntax(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let syntax = 0;
  for (const lexeme of new Lexer().lex(text)) {
    syntax += Math.min(lexeme.length, COUNTED);
    yield* parser.next(lexeme);
    const top = parser.stack.at(-1);
    const isFlat = parser.stack.length <= MAX_DEPTH && (top === undefined || isBounded(top));
    if (isFlat && syntax <= MAX_SYNTAX) continue;
    const { line } = lines.linePos(top?.offset ?? 0);
    throw new BaselineError('BASELINE_TOO_LARGE', 'too deep, or too many in one place', { line });
  }
  yield* parser.end();
}

function isBounded(token: CST.Token): boolean {
  if (!('items' in token)) return true;
  return token.items.length <= (isMap(token) ? MAX_KEYS : MAX_ITEMS) + 1;
}

const isMap = (token: CST.BlockMap | CST.BlockSequence | CST.FlowCollection): boolean =>
  token.type === 'block-map' ||
  (token.type === 'flow-collection' && token.start.type === 'flow-map-start');
