import { ParseError, Reader } from '@touchstone/tpm';
import { acpiNode } from './acpi-node.ts';
import { hardwareNode } from './hardware-node.ts';
import { mediaNode } from './media-node.ts';
import { messagingNode } from './messaging-node.ts';
import { byteString, utf16String } from './utf16.ts';
import { readGuid } from './guid.ts';

/** EFI_DEVICE_PATH_PROTOCOL: UEFI 2.10, 10.2. */
export type DevicePathNode = {
  readonly type: number;
  readonly subType: number;
  /** UEFI 2.10, 10.6: as in "Pci(0x1F,0x2)". `Path(type,subtype,hex)` where the node is not known here. */
  readonly text: string;
};

export type DevicePath = {
  /** Without the ends. */
  readonly nodes: readonly DevicePathNode[];
  /** The nodes joined by slashes, instances by commas. A file's name may hold either. */
  readonly text: string;
  /** Of the last instance: its file path nodes joined, as "\EFI\debian\shimx64.efi". */
  readonly file?: string;
  /** GUID of the GPT partition in it. */
  readonly partition?: string;
};

const MAX_NODES = 256;
const NODE_HEADER = 4;

const HARDWARE = 0x01;
const ACPI = 0x02;
const MESSAGING = 0x03;
const MEDIA = 0x04;
const BIOS_BOOT = 0x05;
const END = 0x7f;
const END_INSTANCE = 0x01;
const END_ENTIRE = 0xff;
const MEDIA_HARD_DRIVE = 0x01;
const MEDIA_FILE_PATH = 0x04;
const SIGNATURE_GUID = 0x02;

/**
 * A device path that fills its bytes. Throws ParseError DEVICE_PATH_NODE for a node whose length
 * or end is none, DEVICE_PATH_NODES for over 256 of them, TRUNCATED where no end comes, TRAILING_BYTES.
 */
export function parseDevicePath(bytes: Uint8Array): DevicePath {
  const reader = new Reader(bytes, 'little');
  const path = readDevicePath(reader, 'DevicePath');
  reader.end('DevicePath');
  return path;
}

/** The next device path, to its end. */
export function readDevicePath(reader: Reader, field: string): DevicePath {
  const instances: Instance[] = [newInstance()];
  for (let index = 0; ; index++) {
    const { offset } = reader;
    if (index >= MAX_NODES) throw new ParseError('DEVICE_PATH_NODES', field, offset);
    const each = `${field}[${index}]`;
    const type = reader.u8(`${each}.Type`);
    const subType = reader.u8(`${each}.SubType`);
    const length = reader.u16(`${each}.Length`);
    if (length < NODE_HEADER || (type === END && !isEnd(subType, length))) {
      throw new ParseError('DEVICE_PATH_NODE', each, offset, `${type}, ${subType}, ${length}`);
    }
    const body = reader.bytes(length - NODE_HEADER, `${each}.data`);
    if (type !== END) add(instances, { type, subType }, body);
    else if (subType === END_INSTANCE) instances.push(newInstance());
    else return joined(instances);
  }
}

const isEnd = (subType: number, length: number): boolean =>
  length === NODE_HEADER && (subType === END_ENTIRE || subType === END_INSTANCE);

type Instance = { readonly nodes: DevicePathNode[]; readonly files: string[]; partition?: string };

const newInstance = (): Instance => ({ nodes: [], files: [] });

function add(instances: readonly Instance[], node: NodeKind, body: Uint8Array): void {
  const instance = instances.at(-1) ?? newInstance();
  instance.nodes.push({ ...node, text: textOf(node, body) });
  if (node.type !== MEDIA) return;
  if (node.subType === MEDIA_FILE_PATH) instance.files.push(utf16String(body));
  if (node.subType === MEDIA_HARD_DRIVE && isGpt(body)) {
    instance.partition = readGuid(new Reader(body, 'little', 20), 'PartitionSignature');
  }
}

/** A hard drive node whose signature is a GUID: UEFI 2.10, 10.3.5.1. */
const isGpt = (body: Uint8Array): boolean =>
  body.length === 38 && body[36] === SIGNATURE_GUID && body[37] === SIGNATURE_GUID;

function joined(instances: readonly Instance[]): DevicePath {
  const last = instances.at(-1);
  const file = last?.files.join('\\').replaceAll(/\\{2,}/gu, '\\');
  return {
    nodes: instances.flatMap(({ nodes }) => nodes),
    text: instances.map(({ nodes }) => nodes.map(({ text }) => text).join('/')).join(','),
    ...(file && { file }),
    ...(last?.partition !== undefined && { partition: last.partition }),
  };
}

type NodeKind = Pick<DevicePathNode, 'type' | 'subType'>;

/** A node that is of a known kind and yet not as its kind is written is shown as an unknown one. */
function textOf(node: NodeKind, body: Uint8Array): string {
  try {
    const reader = new Reader(body, 'little');
    const text = knownText(node, reader);
    if (text !== undefined) {
      reader.end('node');
      return text;
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  return unknownText(node, body);
}

function knownText({ type, subType }: NodeKind, body: Reader): string | undefined {
  switch (type) {
    case HARDWARE:
      return hardwareNode(subType, body);
    case ACPI:
      return acpiNode(subType, body);
    case MESSAGING:
      return messagingNode(subType, body);
    case MEDIA:
      return mediaNode(subType, body);
    case BIOS_BOOT:
      return subType === 1 ? biosBoot(body) : undefined;
    default:
      return undefined;
  }
}

const BBS_TYPES = ['', 'Floppy', 'HD', 'CDROM', 'PCMCIA', 'USB', 'Network'];

/** BIOS Boot Specification: UEFI 2.10, 10.3.6. */
function biosBoot(body: Reader): string {
  const device = body.u16('DeviceType');
  const status = body.u16('StatusFlag');
  const name = byteString(body.bytes(body.remaining, 'Description'));
  return `BBS(${BBS_TYPES[device] || hexNumber(device)},${name},${hexNumber(status)})`;
}

const hexNumber = (value: number): string => `0x${value.toString(16)}`;

/** More of it helps nobody. */
const MAX_SHOWN = 64;

function unknownText({ type, subType }: NodeKind, body: Uint8Array): string {
  const shown = Buffer.from(body.subarray(0, MAX_SHOWN)).toString('hex');
  return `Path(${type},${subType},${shown}${body.length > MAX_SHOWN ? '...' : ''})`;
}
