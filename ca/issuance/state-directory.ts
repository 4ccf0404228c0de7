import { join } from 'node:path';
import type { Custody } from './custody.ts';
import { ekRefSecretIn } from './ekref-secret.ts';
import { fileCustody } from './file-custody.ts';

/** Gives a passphrase anew each time. Throws CustodyError PASSPHRASE_UNFIT. */
export type Passphrase = () => Promise<Uint8Array>;

/** A state directory whose keys are encrypted files: `keys/root`, `keys/issuing`, and `ekref.secret`. @public */
export function fileCustodyIn(
  stateDir: string,
  passphrases: { readonly root?: Passphrase; readonly issuing: Passphrase },
  more: { readonly scryptCost?: number } = {},
): Custody {
  const of = (role: 'root' | 'issuing') => {
    const passphrase = passphrases[role];
    const directory = join(stateDir, 'keys', role);
    return fileCustody({ directory, role, ...more, ...(passphrase && { passphrase }) });
  };
  const [root, issuing] = [of('root'), of('issuing')];
  const isNew = async () =>
    (await Promise.all([root.keys(), issuing.keys()])).every(({ length }) => length === 0);
  return {
    ...{ root, issuing },
    ekRefSecret: () => ekRefSecretIn(join(stateDir, 'ekref.secret'), isNew),
  };
}
