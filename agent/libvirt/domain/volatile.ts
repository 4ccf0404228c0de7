import { attributeOf, elementOf, type XmlElement } from './xml.ts';

/**
 * A part of a domain's XML that differs from one start to the next though the VM is the same. `path` names elements
 * from the root, `*` being any; `@name` at its end an attribute. `within` looks at the element that has the part.
 *
 * - `never`: it is not in the definition;
 * - `until-started`: it is, and libvirt fills it in or changes it between `prepare` and `started`; so it is left out
 *   when these two are compared.
 */
export type VolatilePart = {
  readonly path: string;
  readonly counts: 'never' | 'until-started';
  readonly within?: (element: XmlElement) => boolean;
  readonly why: string;
};

const is =
  (name: string, pattern: RegExp) =>
  (element: XmlElement): boolean =>
    pattern.test(attributeOf(element, name) ?? '');

const DEVICE = 'domain/devices';

/**
 * All of them, seen with libvirt 9.0 by comparing what its hook is given: at several starts, at `prepare` and
 * `started`, after libvirtd's restart, in a restore and on a migration's target. Whatever is not here counts.
 */
export const VOLATILE: readonly VolatilePart[] = [
  { path: 'domain@id', counts: 'never', why: 'a number that each start gets anew' },
  ...['title', 'description', 'metadata'].map((name) => ({
    path: `domain/${name}`,
    counts: 'never' as const,
    why: 'notes for people and their tools; QEMU hears nothing of them',
  })),
  {
    path: 'domain/clock@adjustment',
    counts: 'never',
    within: is('offset', /^variable$/u),
    why: 'how far the guest has set its own clock',
  },
  {
    path: `${DEVICE}/*/alias`,
    counts: 'never',
    within: (element) =>
      attributeOf(elementOf(element, 'alias'), 'name')?.startsWith('ua-') !== true,
    why: 'QEMU’s names of devices, given at each start; those that people gave (ua-) count',
  },
  ...['source', 'mirror'].map((name) => ({
    path: `${DEVICE}/disk/${name}@index`,
    counts: 'never' as const,
    why: 'a number that each start gives',
  })),
  {
    path: `${DEVICE}/disk/backingStore`,
    counts: 'never',
    why: 'absent until libvirt looks; the chain is followed by the images’ own headers instead, and must be the same',
  },
  {
    path: `${DEVICE}/interface/target@dev`,
    counts: 'never',
    within: is('dev', /^(?:vnet|macvtap|macvlan|vif)[0-9]+$/u),
    why: 'the tap’s name, where libvirt numbers it',
  },
  {
    path: `${DEVICE}/channel/target@state`,
    counts: 'never',
    why: 'whether a program in the guest listens now',
  },
  ...['serial', 'parallel', 'console', 'channel'].map((name) => ({
    path: `${DEVICE}/${name}/source`,
    counts: 'never' as const,
    within: is('type', /^pty$/u),
    why: 'the terminal that the kernel gives at each start',
  })),
  { path: `${DEVICE}/console@tty`, counts: 'never', why: 'the same terminal' },
  ...['port', 'tlsPort'].map((name) => ({
    path: `${DEVICE}/graphics@${name}`,
    counts: 'never' as const,
    within: is('autoport', /^yes$/u),
    why: 'the next port that is free',
  })),

  {
    path: 'domain/resource',
    counts: 'until-started',
    why: 'the control group; libvirt writes the default in',
  },
  {
    path: 'domain/cpu',
    counts: 'until-started',
    why: 'written anew with the features that QEMU has here',
  },
  { path: 'domain/seclabel', counts: 'until-started', why: 'labels that libvirt makes' },
  {
    path: `${DEVICE}/disk/driver`,
    counts: 'until-started',
    within: (disk) =>
      attributeOf(disk, 'type') === 'file' &&
      attributeOf(elementOf(disk, 'source'), 'file') === null,
    why: 'of a drive without a medium, which has no format once it was started',
  },
  {
    path: `${DEVICE}/channel/source`,
    counts: 'until-started',
    why: 'a socket in a directory with the number of the start',
  },
  ...['@listen', '@socket', '@websocket', '/listen'].map((part) => ({
    path: `${DEVICE}/graphics${part}`,
    counts: 'until-started' as const,
    why: 'an address, a socket or a port that libvirt fills in',
  })),
  ...['portid', 'bridge'].map((name) => ({
    path: `${DEVICE}/interface/source@${name}`,
    counts: 'until-started' as const,
    why: 'what a virtual network gave',
  })),
];
