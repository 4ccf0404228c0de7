/** One `key=value` of an option; nested ones dotted, as in `file.filename`. */
export type Pair = { readonly key: string; readonly value: string };

/**
 * QEMU's `key=value,key=value`: a doubled comma is a comma, a first word without `=` is the value of
 * the implied key, and a later one is a switch. An option that begins with a brace is JSON. qemu(1).
 * @throws SyntaxError for what is no JSON object
 */
export function readPairs(text: string, impliedKey: string): Pair[] {
  if (text.startsWith('{')) return flattened('', JSON.parse(text));
  return splitAtCommas(text).map((word, index) => {
    const at = word.indexOf('=');
    if (at >= 0) return { key: word.slice(0, at), value: word.slice(at + 1) };
    return index === 0 ? { key: impliedKey, value: word } : { key: word, value: 'on' };
  });
}

function splitAtCommas(text: string): string[] {
  const words = [''];
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character !== ',') words.push(`${words.pop()}${character}`);
    else if (text.charAt(at + 1) === ',') {
      words.push(`${words.pop()},`);
      at += 1;
    } else words.push('');
  }
  return words;
}

function flattened(path: string, value: unknown): Pair[] {
  if (typeof value !== 'object' || value === null) return [{ key: path, value: String(value) }];
  return Object.entries(value).flatMap(([name, inner]) =>
    flattened(path === '' ? name : `${path}.${name}`, inner),
  );
}
