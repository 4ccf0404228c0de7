import { createHash } from 'node:crypto';
import { attributeOf, elementOf, elementsOf, type XmlElement } from './xml.ts';
import { VOLATILE, type VolatilePart } from './volatile.ts';

/** Name, attributes by name, children in their order. */
export type Canonical = readonly [string, readonly (readonly [string, string])[], readonly Child[]];
type Child = Canonical | string;

/** `definition`: as it is asked about. `started`: without what libvirt fills in after that. */
export type View = 'definition' | 'started';

const BY_PATH = Map.groupBy(VOLATILE, ({ path }) => path);

/**
 * A domain's XML in one form: attributes sorted, white space between elements left out, controllers by type and
 * index, without the volatile parts. An element that had nothing but volatile parts is left out with them.
 */
export function canonicalOf(domain: XmlElement, view: View): Canonical {
  return formOf(domain, domain.name, view) ?? [domain.name, [], []];
}

/** SHA-256, in hex, of what a started VM must still have in common with what was asked about. */
export const shapeOf = (domain: XmlElement): string =>
  createHash('sha256')
    .update(JSON.stringify(canonicalOf(domain, 'started')))
    .digest('hex');

function formOf(given: XmlElement, path: string, view: View): Canonical | null {
  const element =
    path === 'domain/devices/disk' && view === 'started' ? withoutOverlay(given) : given;
  const attributes = [...element.attributes].filter(
    ([name]) => !isVolatile(path, `@${name}`, element, view),
  );
  const inner = ordered(path, withoutSpaces(element.children));
  const children = inner.flatMap((child): Child[] => {
    if (typeof child === 'string') return [child];
    if (isVolatile(path, `/${child.name}`, element, view)) return [];
    const form = formOf(child, `${path}/${child.name}`, view);
    return form === null ? [] : [form];
  });
  const had = element.attributes.size + inner.length;
  if (had > 0 && attributes.length === 0 && children.length === 0) return null;
  return [element.name, attributes.toSorted(([a], [b]) => (a < b ? -1 : 1)), children];
}

function isVolatile(path: string, part: string, element: XmlElement, view: View): boolean {
  const anyDevice = path.replace(/^domain\/devices\/[^/]+$/u, 'domain/devices/*');
  const parts = [...rulesAt(path + part), ...(anyDevice === path ? [] : rulesAt(anyDevice + part))];
  return parts.some(
    ({ counts, within }) =>
      (counts === 'never' || view === 'started') && (within === undefined || within(element)),
  );
}

const rulesAt = (path: string): readonly VolatilePart[] => BY_PATH.get(path) ?? [];

/** White space counts where it is all that an element has. */
function withoutSpaces(children: readonly (XmlElement | string)[]): (XmlElement | string)[] {
  const kept: (XmlElement | string)[] = [];
  let text = '';
  for (const child of children) {
    if (typeof child === 'string') {
      text += child;
      continue;
    }
    if (/[^ \t\r\n]/u.test(text)) kept.push(text);
    text = '';
    kept.push(child);
  }
  const counts = kept.length === 0 ? text !== '' : /[^ \t\r\n]/u.test(text);
  return counts ? [...kept, text] : kept;
}

/** libvirt writes a controller that it added itself at another place once it has read its own file again. */
function ordered(path: string, children: (XmlElement | string)[]): (XmlElement | string)[] {
  if (path !== 'domain/devices') return children;
  const isController = (child: XmlElement | string): child is XmlElement =>
    typeof child !== 'string' && child.name === 'controller';
  const controllers = children.filter(isController).toSorted(byTypeAndIndex);
  return [...controllers, ...children.filter((child) => !isController(child))];
}

function byTypeAndIndex(a: XmlElement, b: XmlElement): number {
  const [typeA, typeB] = [attributeOf(a, 'type') ?? '', attributeOf(b, 'type') ?? ''];
  if (typeA !== typeB) return typeA < typeB ? -1 : 1;
  return Number(attributeOf(a, 'index') ?? -1) - Number(attributeOf(b, 'index') ?? -1);
}

/**
 * A transient disk, once started, shows the overlay that libvirt made beside the image (`.TRANSIENT-` and the
 * domain's name), with the image behind it. The disk as it was asked about is the one behind.
 */
function withoutOverlay(disk: XmlElement): XmlElement {
  const overlay = attributeOf(elementOf(disk, 'source'), 'file');
  const behind = elementOf(disk, 'backingStore');
  const image = attributeOf(elementOf(behind, 'source'), 'file');
  if (elementOf(disk, 'transient') === null || overlay === null || behind === null) return disk;
  if (image === null || !overlay.startsWith(`${image}.TRANSIENT-`)) return disk;
  const format = attributeOf(elementOf(behind, 'format'), 'type') ?? '';
  const children = disk.children.flatMap((child): readonly (XmlElement | string)[] => {
    if (typeof child === 'string') return [child];
    if (child.name === 'source') return elementsOf(behind, 'source');
    if (child.name !== 'driver') return [child];
    return [{ ...child, attributes: new Map([...child.attributes, ['type', format]]) }];
  });
  return { ...disk, children };
}
