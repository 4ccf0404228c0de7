import type { StartPlan, VmDisk } from '@touchstone/schemas';
import { agentError } from '../../codes.ts';
import type { ImageFormat } from '../../images/image-header.ts';
import { attributeOf, elementOf, elementsOf, type XmlElement } from './xml.ts';

/** A disk with an image whose content has to be read. */
export type GoldenDisk = {
  readonly name: string;
  readonly path: string;
  readonly format: ImageFormat;
  /** Whether the guest's writing reaches the image. */
  readonly writable: boolean;
  /** The chain that the XML states: empty where it states none, `end` where it says that nothing follows. */
  readonly stated: readonly StatedLink[];
};
type StatedLink = { readonly path: string; readonly format: string } | 'end';

export type DomainDisks = {
  readonly golden: readonly GoldenDisk[];
  readonly unread: readonly VmDisk[];
  readonly sealed: readonly { readonly disk: string; readonly secret: string }[];
};

const NAME = /^[a-z][a-z0-9]{0,31}$/u;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;
const MAX_STATED = 16;

const uncovered = (what: string, why: string) =>
  agentError('DEFINITION_UNCOVERED', { status: 422, detail: `disk ${what}: ${why}` });
const plain = (disk: string, why: string) =>
  agentError('SEALED_DISK_PLAIN', { status: 422, detail: `disk ${disk}: ${why}` });

/**
 * The disks of a domain, told apart by the VM's plan: what is neither data nor sealed is read, or the VM does not
 * start.
 * @throws AppError DEFINITION_UNCOVERED, SEALED_DISK_PLAIN
 */
export function readDisks(devices: XmlElement, plan: StartPlan): DomainDisks {
  const golden: GoldenDisk[] = [];
  const unread: VmDisk[] = [];
  const sealed: { disk: string; secret: string }[] = [];
  const seen = new Set<string>();
  for (const disk of elementsOf(devices, 'disk')) {
    const name = attributeOf(elementOf(disk, 'target'), 'dev') ?? '';
    if (!NAME.test(name) || seen.has(name))
      throw uncovered(`"${name}"`, 'a target without a name of its own');
    seen.add(name);
    const planned = plan.disks.find((entry) => entry.name === name);
    if (planned === undefined) {
      const found = goldenDisk(name, disk);
      if (found !== null) golden.push(found);
      continue;
    }
    unread.push(planned);
    if (planned.kind === 'sealed') sealed.push({ disk: name, secret: secretOf(name, disk) });
  }
  for (const { name, kind } of plan.disks) {
    if (kind === 'sealed' && !seen.has(name)) throw plain(name, 'the domain has no such disk');
  }
  return { golden, unread, sealed };
}

function goldenDisk(name: string, disk: XmlElement): GoldenDisk | null {
  const type = attributeOf(disk, 'type') ?? 'file';
  const source = elementOf(disk, 'source');
  const device = attributeOf(disk, 'device') ?? 'disk';
  if (type !== 'file') {
    const why = `its source is of type ${type}, which no digest of a file covers`;
    throw uncovered(name, `${why}; record it as a data disk, or use an image in a file`);
  }
  const path = attributeOf(source, 'file');
  if (path === null) {
    // A drive without a medium has no source; whatever else lacks a path is not understood.
    if ((device === 'cdrom' || device === 'floppy') && !hasContent(source)) return null;
    throw uncovered(name, 'a disk without a path');
  }
  if (!path.startsWith('/')) throw uncovered(name, `${path} is no absolute path`);
  requirePlain(name, source);
  const driver = elementOf(disk, 'driver');
  const format = attributeOf(driver, 'type') ?? 'raw';
  if (format !== 'raw' && format !== 'qcow2') throw uncovered(name, `the format ${format}`);
  const readonly = elementOf(disk, 'readonly') !== null;
  const transient = elementOf(disk, 'transient') !== null;
  return { name, path, format, writable: !readonly && !transient, stated: statedChain(name, disk) };
}

/** What of a source changes nothing about which bytes of which file are read. */
const PLAIN = new Set(['@file', '@index', '@startupPolicy', 'seclabel', 'encryption']);

/** A slice has its header elsewhere, a data store is another file, a group of descriptors another process's file. */
function requirePlain(name: string, source: XmlElement | null): void {
  if (source === null) return;
  const parts = [
    ...[...source.attributes.keys()].map((attribute) => `@${attribute}`),
    ...elementsOf(source).map((element) => element.name),
  ];
  const other = parts.find((part) => !PLAIN.has(part));
  if (other !== undefined)
    throw uncovered(name, `${other} of its source, by which QEMU may read other bytes`);
}

const hasContent = (source: XmlElement | null): boolean =>
  source !== null &&
  (elementsOf(source).length > 0 || [...source.attributes.keys()].some((key) => key !== 'index'));

/** `<backingStore>`: what follows the image; without content, that nothing does. */
function statedChain(name: string, disk: XmlElement): StatedLink[] {
  const links: StatedLink[] = [];
  let store = elementOf(disk, 'backingStore');
  while (store !== null) {
    if (links.length === MAX_STATED) throw uncovered(name, 'too many backing files');
    const source = elementOf(store, 'source');
    if (source === null && elementsOf(store).length === 0) return [...links, 'end'];
    const path = attributeOf(source, 'file');
    const format = attributeOf(elementOf(store, 'format'), 'type');
    if (path === null || format === null || attributeOf(store, 'type') !== 'file') {
      throw uncovered(name, 'a backing file that is not a file with a format');
    }
    links.push({ path, format });
    store = elementOf(store, 'backingStore');
  }
  return links;
}

/** Below the disk or its source: libvirt takes both. */
function secretOf(name: string, disk: XmlElement): string {
  const encryption =
    elementOf(elementOf(disk, 'source'), 'encryption') ?? elementOf(disk, 'encryption');
  if (encryption === null) throw plain(name, 'no <encryption>');
  if (attributeOf(encryption, 'format') !== 'luks') throw plain(name, 'not of the format luks');
  const secret = elementOf(encryption, 'secret');
  const uuid = attributeOf(secret, 'uuid')?.toLowerCase();
  if (attributeOf(secret, 'type') !== 'passphrase' || uuid === undefined || !UUID.test(uuid)) {
    throw plain(name, 'no <secret type="passphrase"> with a uuid');
  }
  return uuid;
}

/** @throws AppError DEFINITION_UNCOVERED where the XML states another chain than the images' headers */
export function requireStatedChain(
  disk: GoldenDisk,
  chain: readonly { readonly path: string; readonly format: string; readonly as: string }[],
): void {
  const behind = chain.filter((link) => link.as === 'backing');
  for (const [index, stated] of disk.stated.entries()) {
    const found = behind[index];
    if (stated === 'end' && found === undefined) continue;
    if (stated !== 'end' && found?.path === stated.path && found.format === stated.format) continue;
    const words = stated === 'end' ? 'that nothing follows' : `${stated.path} (${stated.format})`;
    const headers = found === undefined ? 'nothing' : `${found.path} (${found.format})`;
    throw uncovered(disk.name, `<backingStore> states ${words}, the image’s header ${headers}`);
  }
}
