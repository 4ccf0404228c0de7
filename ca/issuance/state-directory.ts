import { join } from 'node:path';
import { takeOverClearKey } from './clear-key.ts';
import type { Custody, KeyCustody } from './custody.ts';
import { ekRefSecretIn } from './ekref-secret.ts';
import { fileCustody } from './file-custody.ts';
import type { KeyRole } from './issuance.ts';

/** Gives a passphrase anew each time. Throws CustodyError PASSPHRASE_UNFIT. */
export type Passphrase = () => Promise<Uint8Array>;

const ROLES: readonly KeyRole[] = ['root', 'issuing'];

/** A custody whose ekRef secret lies in a state directory, and whose keys lie where each role's custody has them. */
export function stateCustody(
  stateDir: string,
  keys: Readonly<Record<KeyRole, KeyCustody>>,
): Custody {
  const isNew = async () =>
    (await Promise.all(ROLES.map((role) => keys[role].keys()))).every(({ length }) => length === 0);
  const ekRefSecret = () => ekRefSecretIn(join(stateDir, 'ekref.secret'), isNew);
  return {
    ...keys,
    ekRefSecret,
    ready: async () => {
      for (const role of ROLES) await takeOverClearKey(stateDir, role, keys[role]);
      await ekRefSecret();
      for (const role of ROLES) await keys[role].ready();
    },
  };
}

/** Where a state directory has the encrypted keys of a role. */
const keyDirectory = (stateDir: string, role: KeyRole) => join(stateDir, 'keys', role);

/** A state directory with all its keys in encrypted files: `keys/root`, `keys/issuing`, and `ekref.secret`. */
export function fileCustodyIn(
  stateDir: string,
  passphrases: Partial<Record<KeyRole, Passphrase>>,
  more: { readonly scryptCost?: number } = {},
): Custody {
  const of = (role: KeyRole) => {
    const passphrase = passphrases[role];
    const directory = keyDirectory(stateDir, role);
    return fileCustody({ directory, role, ...more, ...(passphrase && { passphrase }) });
  };
  return stateCustody(stateDir, { root: of('root'), issuing: of('issuing') });
}
