import { ParseError } from '@touchstone/tpm';
import { SaxesParser } from 'saxes';

/** `name` is `{namespace}local` where there is a namespace. Text is as it was written. */
export type XmlElement = {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
};

/** As much as `DomainStart` in the schemas takes. */
const MAX_CHARACTERS = 1_048_576;
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 20_000;
const MAX_ATTRIBUTES = 64;
const XMLNS = 'http://www.w3.org/2000/xmlns/';

type Open = {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: (XmlElement | string)[];
};

/**
 * A whole XML document, as libvirt writes them: no document type, so no entity but the five that XML has; no
 * processing instruction. Comments are left out. Namespaces count by what they are, and not by their prefix.
 * @throws ParseError
 */
export function parseXml(text: string): XmlElement {
  if (text.length > MAX_CHARACTERS) throw new ParseError('XML_TOO_LONG', 'document', 0);
  const parser = new SaxesParser({ xmlns: true });
  const refuse = (code: string, field: string) => {
    throw new ParseError(code, field, parser.position);
  };
  const open: Open[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  const addText = (characters: string) => open.at(-1)?.children.push(characters);

  parser.on('error', () => refuse('XML_MALFORMED', 'document'));
  parser.on('doctype', () => refuse('XML_DOCUMENT_TYPE', 'document type'));
  parser.on('processinginstruction', () => refuse('XML_INSTRUCTION', 'processing instruction'));
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('opentag', ({ uri, local, attributes: given }) => {
    elements += 1;
    if (elements > MAX_ELEMENTS) refuse('XML_TOO_MANY', 'elements');
    if (open.length === MAX_DEPTH) refuse('XML_TOO_DEEP', 'elements');
    const attributes = new Map<string, string>();
    for (const attribute of Object.values(given)) {
      if (attribute.uri === XMLNS) continue;
      attributes.set(qualified(attribute.uri, attribute.local), attribute.value);
    }
    if (attributes.size > MAX_ATTRIBUTES) refuse('XML_TOO_MANY', 'attributes');
    open.push({ name: qualified(uri, local), attributes, children: [] });
  });
  parser.on('closetag', () => {
    const element = open.pop();
    if (element === undefined) return;
    const above = open.at(-1);
    if (above === undefined) root = element;
    else above.children.push(element);
  });
  parser.write(text).close();
  if (root === null) throw new ParseError('XML_MALFORMED', 'document', text.length);
  return root;
}

const qualified = (uri: string, local: string): string => (uri === '' ? local : `{${uri}}${local}`);

export const elementsOf = (element: XmlElement, name?: string): XmlElement[] =>
  element.children.filter(
    (child): child is XmlElement =>
      typeof child !== 'string' && (name === undefined || child.name === name),
  );

/** The only one of its name; null where there is none. @throws ParseError where there are two */
export function elementOf(element: XmlElement | null, name: string): XmlElement | null {
  if (element === null) return null;
  const [first = null, second] = elementsOf(element, name);
  if (second !== undefined) throw new ParseError('XML_TWICE', `${element.name}/${name}`, 0);
  return first;
}

/** What is written in an element that has no others within. */
export const textOf = (element: XmlElement): string =>
  element.children.filter((child) => typeof child === 'string').join('');

export const attributeOf = (element: XmlElement | null, name: string): string | null =>
  element?.attributes.get(name) ?? null;
