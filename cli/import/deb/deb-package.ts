import { ParseError, type StrongHash } from '@touchstone/tpm';
import { type BootImage, readBootImage } from '../boot-image.ts';
import type { FileSource } from '../file-source.ts';
import {
  isKernelConfig,
  kernelReleaseOf,
  type KernelTraits,
  readKernelConfig,
} from '../kernel-config.ts';
import { ByteQueue } from './byte-queue.ts';
import { type DebControl, parseDebControl } from './deb-control.ts';
import { DEB_LIMITS, type DebLimits } from './deb-limits.ts';
import { type DebMember, readDebMembers } from './deb-members.ts';
import { decompress } from './decompress.ts';
import { type TarFile, tarFiles } from './tar-files.ts';

/** A package's boot images, as far as a baseline needs them. */
export type DebPackage = {
  readonly control: DebControl;
  readonly images: readonly BootImage[];
  /** By kernel release. */
  readonly traits: ReadonlyMap<string, KernelTraits>;
};

/**
 * Reads a .deb from beginning to end: images are hashed and let go, nothing is written or run.
 *
 * @throws ParseError with a code of IMPORT_CODES; for an image that is named as one and is none, of
 *   eventlog's, its path in the field
 */
export async function readDebPackage(
  file: FileSource,
  banks: readonly StrongHash[],
  limits: DebLimits = DEB_LIMITS,
): Promise<DebPackage> {
  const { control, data } = await readDebMembers(file, limits);
  const said = await readControl(file, control, limits);
  const images: BootImage[] = [];
  const traits = new Map<string, KernelTraits>();
  await eachFile(file, data, limits, limits.maxExpandedBytes, async (found) => {
    const { path, start } = found;
    const release = kernelReleaseOf(path);
    if (isKernelConfig(path) && release !== undefined) {
      const text = Buffer.from(await bounded(found, limits.maxTextBytes)).toString('utf8');
      traits.set(release, readKernelConfig(text));
    } else if (start[0] === 0x4d && start[1] === 0x5a) {
      const image = imageOf(await bounded(found, limits.maxImageBytes), path, banks);
      if (image !== undefined) images.push(image);
    }
  });
  return { control: said, images, traits };
}

async function readControl(
  file: FileSource,
  member: DebMember,
  limits: DebLimits,
): Promise<DebControl> {
  let control: DebControl | undefined;
  await eachFile(file, member, limits, limits.maxControlBytes, async (found) => {
    if (found.path !== 'control') return;
    control = parseDebControl(await bounded(found, limits.maxTextBytes));
  });
  if (control === undefined) throw new ParseError('DEB_CONTROL', 'control', member.offset);
  return control;
}

async function eachFile(
  file: FileSource,
  { name, offset, size }: DebMember,
  limits: DebLimits,
  maxExpandedBytes: number,
  use: (found: TarFile) => Promise<void>,
): Promise<void> {
  const plain = decompress(file.stream(offset, size), name, offset);
  const queue = new ByteQueue(plain, name, maxExpandedBytes);
  try {
    for await (const found of tarFiles(queue, limits)) await use(found);
  } finally {
    await queue.close();
  }
}

function bounded(found: TarFile, maxBytes: number): Promise<Uint8Array> {
  if (found.size <= maxBytes) return found.content();
  throw new ParseError('DEB_FILE_TOO_LARGE', found.path, maxBytes, `${found.size} bytes`);
}

/** Many things begin with MZ. One that is named as a boot image must be one. */
function imageOf(
  bytes: Uint8Array,
  path: string,
  banks: readonly StrongHash[],
): BootImage | undefined {
  try {
    return readBootImage(bytes, path, banks);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    if (!/\.efi(\.[a-z]+)?$|(^|\/)vmlinu[xz]/u.test(path)) return undefined;
    throw new ParseError(error.code, `${path}: ${error.field}`, error.offset);
  }
}
