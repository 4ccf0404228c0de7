import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UpError } from './failure.ts';

/** As the CA's configuration spells them. */
const CLASSES = ['discrete', 'firmware', 'virtual', 'software'] as const;

export type TpmRoot = { readonly certificateFile: string; readonly class: string };

/**
 * The roots of TPM makers that the operator put into `tpm-roots/CLASS/` of the CA's directory, one certificate a
 * file: each vouches for TPMs of that class. None is there by itself.
 * @throws UpError TPM_ROOTS_MALFORMED
 */
export async function tpmRootsIn(caDirectory: string): Promise<TpmRoot[]> {
  const directory = join(caDirectory, 'tpm-roots');
  const roots: TpmRoot[] = [];
  for (const name of await namesIn(directory)) {
    const vouchedFor = CLASSES.find((known) => known === name);
    if (vouchedFor === undefined) {
      const remedy = `Put each root into a directory called after its class: ${CLASSES.join(', ')}.`;
      throw new UpError('TPM_ROOTS_MALFORMED', `${join(directory, name)} is of no class`, remedy);
    }
    for (const file of await namesIn(join(directory, name))) {
      roots.push({ certificateFile: join(directory, name, file), class: vouchedFor });
    }
  }
  return roots;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => !name.startsWith('.')).toSorted();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    const remedy = 'Make it a directory that holds one certificate a file.';
    throw new UpError('TPM_ROOTS_MALFORMED', `${directory} cannot be read`, remedy, cause);
  }
}
