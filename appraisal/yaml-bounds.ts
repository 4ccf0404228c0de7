import type { CST } from 'yaml';

/** Far beyond any baseline: label maps hold 32 keys, lists 10,000 rules or digests, in a depth of 7. */
const MAX_KEYS = 64;
const MAX_ITEMS = 10_000;
const MAX_DEPTH = 16;

/**
 * Where a document that was read but not yet composed has more keys in a map, more items in a list or
 * more depth than any baseline: composing costs the square of a map's keys, and stack by depth.
 */
export function offsetBeyondBounds(document: CST.Token): number | undefined {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [
    { token: document, depth: 0 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth });
    } else if ('items' in token) {
      const most = isMap(token) ? MAX_KEYS : MAX_ITEMS;
      if (token.items.length > most) return token.offset;
      for (const { key, value } of token.items) {
        for (const child of [key, value]) {
          if (child != null) open.push({ token: child, depth: depth + 1 });
        }
      }
    }
  }
  return undefined;
}

const isMap = (token: CST.BlockMap | CST.BlockSequence | CST.FlowCollection): boolean =>
  token.type === 'block-map' ||
  (token.type === 'flow-collection' && token.start.type === 'flow-map-start');
