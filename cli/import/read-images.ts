import { basename } from 'node:path';
import { ParseError, type StrongHash } from '@touchstone/tpm';
import type { ImageOrigin } from './boot-chain-draft.ts';
import { type BootImage, readBootImage } from './boot-image.ts';
import { DEB_LIMITS } from './deb/deb-limits.ts';
import { isArchive } from './deb/deb-members.ts';
import { readDebPackage } from './deb/deb-package.ts';
import { type FileSource, withFile } from './file-source.ts';
import { importRefusal } from './import-refusal.ts';

/**
 * The boot images of a .deb, or of a UEFI image by itself. A stub that unified kernels are made from is
 * none: it never boots as it is.
 *
 * @throws MalformedFile, CliError FILE_UNREADABLE
 */
export async function readImages(path: string, banks: readonly StrongHash[]): Promise<ImageOrigin> {
  try {
    return await withFile(path, async (file) => {
      const start = await file.read(0, 8);
      if (start[0] === 0x4d && start[1] === 0x5a) return readSingle(file, banks);
      if (!isArchive(start)) throw new ParseError('DEB_MAGIC', 'magic', 0);
      const { control, images, traits } = await readDebPackage(file, banks);
      const version = control.builtUsing ?? control.version;
      return { from: control.package, version, images: images.filter(boots), traits };
    });
  } catch (error) {
    throw importRefusal(error, path);
  }
}

async function readSingle(file: FileSource, banks: readonly StrongHash[]): Promise<ImageOrigin> {
  if (file.size > DEB_LIMITS.maxImageBytes) {
    throw new ParseError('PE_TOO_LARGE', 'file', DEB_LIMITS.maxImageBytes, `${file.size} bytes`);
  }
  const name = basename(file.path);
  const image = readBootImage(await file.read(0, file.size), name, banks);
  const images = image === undefined ? [] : [image];
  return { from: name, version: undefined, images, traits: new Map() };
}

const boots = ({ path }: BootImage): boolean => !path.endsWith('.stub');
