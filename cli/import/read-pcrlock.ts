import { importRefusal } from './import-refusal.ts';
import { withFile } from './file-source.ts';
import { parsePcrlock } from './pcrlock/parse-pcrlock.ts';
import {
  draftFromPcrlock,
  type PcrlockDraft,
  type PcrlockFile,
  type PcrlockOptions,
} from './pcrlock/pcrlock-draft.ts';

/** More than any has; what is longer is read so far and refused. */
const MAX_BYTES_READ = 4 * 1024 * 1024 + 1;

/** @throws MalformedFile, CliError FILE_UNREADABLE */
export async function readPcrlock(path: string): Promise<PcrlockFile> {
  try {
    return await withFile(path, async (file) => ({
      path,
      records: parsePcrlock(await file.read(0, MAX_BYTES_READ)),
    }));
  } catch (error) {
    throw importRefusal(error, path);
  }
}

/** @throws MalformedFile */
export function draftOfPcrlock(
  files: readonly PcrlockFile[],
  options: PcrlockOptions,
): PcrlockDraft {
  try {
    return draftFromPcrlock(files, options);
  } catch (error) {
    throw importRefusal(error, undefined);
  }
}
