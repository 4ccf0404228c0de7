import { ParseError } from '@touchstone/tpm';

/** What a disk is read as. QEMU has more, and this agent follows none of them. */
export type ImageFormat = 'raw' | 'qcow2';

/**
 * What an image's header says of other files. The header is in the image's digest, but nothing else vouches for it:
 * each of these is followed, or the image is refused.
 */
export type ImageHeader = {
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
  readonly dataFile: string | null;
};

/** The size of a cluster where nobody asked for another: the header and the names in it are in the first one. */
export const HEADER_BYTES = 65_536;

const MAGIC = 0x514649fb;
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
const V2_LENGTH = 72;
const V3_LENGTH = 104;
const MAX_NAME_BYTES = 1_023;
const MAX_EXTENSIONS = 64;

const END = 0;
const BACKING_FORMAT = 0xe2792aca;
const DATA_FILE = 0x44415441;

/** Dirty, corrupt, external data file, compression type, extended L2 entries: whatever else QEMU refuses, too. */
const KNOWN_INCOMPATIBLE = 0b1_1111n;
const HAS_DATA_FILE = 0b100n;

/** Formats whose headers may name other files: QED, VMDK (sparse, ESX, descriptor), VHDX. */
const REFERRING = ['QED\0', 'KDMV', 'COWD', '# Disk DescriptorFile', 'vhdxfile'];
/** What QEMU guesses by (BLOCK_PROBE_BUF_SIZE), and more. */
const PROBED_BYTES = 4_096;
/** A VMDK's descriptor as QEMU knows it: the version, behind comments and empty lines. vmdk_probe in block/vmdk.c. */
const DESCRIPTOR = /^(?:#[^\n]*\n| *\r?\n)*version=/u;

/** The format that QEMU guesses by an image's first bytes; null for one that may refer to other files. */
export function guessFormat(head: Uint8Array): ImageFormat | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === MAGIC) return 'qcow2';
  const text = bytes.toString('latin1', 0, PROBED_BYTES);
  const refers = DESCRIPTOR.test(text) || REFERRING.some((magic) => text.startsWith(magic));
  return refers ? null : 'raw';
}

/** How much of an image `readQcow2Header` has to see, by its first bytes. */
export function headerBytes(head: Uint8Array): number {
  if (guessFormat(head) !== 'qcow2' || head.length < V2_LENGTH) return HEADER_BYTES;
  const bits = new Fields(head).u32('cluster_bits', 20);
  return bits > 16 && bits <= MAX_CLUSTER_BITS ? 2 ** bits : HEADER_BYTES;
}

/**
 * The header of a qcow2 image and its extensions: docs/interop/qcow2.txt in QEMU. `bytes` is the file's beginning,
 * its first cluster at least.
 * @throws ParseError
 */
export function readQcow2Header(bytes: Uint8Array): ImageHeader {
  const view = new Fields(bytes);
  if (view.u32('magic', 0) !== MAGIC) throw new ParseError('QCOW2_MAGIC', 'magic', 0);
  const version = view.u32('version', 4);
  if (version !== 2 && version !== 3) throw new ParseError('QCOW2_VERSION', 'version', 4);
  const clusterBits = view.u32('cluster_bits', 20);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    throw new ParseError('QCOW2_CLUSTER_BITS', 'cluster_bits', 20);
  }
  const cluster = 2 ** clusterBits;
  const features = version === 2 ? 0n : view.u64('incompatible_features', 72);
  if ((features & ~KNOWN_INCOMPATIBLE) !== 0n) {
    throw new ParseError('QCOW2_FEATURES', 'incompatible_features', 72);
  }
  const length = version === 2 ? V2_LENGTH : view.u32('header_length', 100);
  if (length < (version === 2 ? V2_LENGTH : V3_LENGTH) || length > cluster || length % 8 !== 0) {
    throw new ParseError('QCOW2_LENGTH', 'header_length', 100);
  }
  const nameAt = view.u64('backing_file_offset', 8);
  const backingFile = nameAt === 0n ? null : backingName(view, nameAt, cluster);
  const extensions = readExtensions(view, length, nameAt === 0n ? cluster : Number(nameAt));
  const dataFile = extensions.get(DATA_FILE) ?? null;
  if (((features & HAS_DATA_FILE) !== 0n) !== (dataFile !== null)) {
    throw new ParseError('QCOW2_DATA_FILE', 'incompatible_features', 72);
  }
  return { backingFile, backingFormat: extensions.get(BACKING_FORMAT) ?? null, dataFile };
}

function backingName(view: Fields, at: bigint, cluster: number): string {
  const size = view.u32('backing_file_size', 16);
  if (size === 0 || size > MAX_NAME_BYTES) {
    throw new ParseError('QCOW2_BACKING_FILE', 'backing_file_size', 16);
  }
  if (at < BigInt(V2_LENGTH) || at + BigInt(size) > BigInt(cluster)) {
    throw new ParseError('QCOW2_BACKING_FILE', 'backing_file_offset', 8);
  }
  return view.text('backing_file', Number(at), size);
}

/** They lie between the header and the backing file's name, each padded to eight bytes. */
function readExtensions(view: Fields, start: number, end: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let at = start;
  for (let count = 0; at + 8 <= end; count += 1) {
    const type = view.u32('extension.type', at);
    const size = view.u32('extension.length', at + 4);
    if (type === END) return found;
    if (count === MAX_EXTENSIONS || size > end - at - 8) {
      throw new ParseError('QCOW2_EXTENSION', 'extension.length', at + 4);
    }
    if (type === BACKING_FORMAT || type === DATA_FILE) {
      if (found.has(type) || size === 0 || size > MAX_NAME_BYTES) {
        throw new ParseError('QCOW2_EXTENSION', 'extension.length', at + 4);
      }
      found.set(type, view.text('extension.data', at + 8, size));
    }
    at += 8 + Math.ceil(size / 8) * 8;
  }
  return found;
}

class Fields {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(field: string, at: number): number {
    return this.#slice(field, at, 4).readUInt32BE(0);
  }

  u64(field: string, at: number): bigint {
    return this.#slice(field, at, 8).readBigUInt64BE(0);
  }

  /** A name: UTF-8 that says what it shows. */
  text(field: string, at: number, size: number): string {
    const bytes = this.#slice(field, at, size);
    const text = bytes.toString('utf8');
    if (!Buffer.from(text).equals(bytes) || /\p{Cc}/u.test(text)) {
      throw new ParseError('QCOW2_NAME', field, at);
    }
    return text;
  }

  #slice(field: string, at: number, size: number): Buffer {
    if (at + size > this.#bytes.length) throw new ParseError('TRUNCATED', field, at);
    return this.#bytes.subarray(at, at + size);
  }
}
