import { ConfigError } from '../config-error.ts';
import type { CaConfig } from '../config.ts';
import type { KeyCustodyConfig } from '../custody-config.ts';
import {
  type Custody,
  fileCustodyIn,
  type KeyRole,
  type Passphrase,
  stateCustody,
} from '../issuance/index.ts';
import { readSecret } from './secret-source.ts';

/**
 * The custody that the configuration describes, its secrets read. Only the process that issues does this.
 * @throws ConfigError CONFIG_INVALID, CustodyError PASSPHRASE_UNFIT
 */
export async function custodyOf({ custody, stateDir }: CaConfig): Promise<Custody> {
  if (custody === undefined) {
    const detail = '/custody: say where the keys lie, and where their passphrase is read';
    throw new ConfigError(detail);
  }
  const configs = { issuing: custody.issuing, root: custody.root ?? custody.issuing };
  const files = fileCustodyIn(stateDir, {
    ...(await passphraseOf('issuing', configs.issuing)),
    ...(await passphraseOf('root', configs.root)),
  });
  // Under one passphrase, the issuing keys vouch for it: opening a key takes a fifth of a second.
  const root = custody.root === undefined ? { ...files.root, ready: async () => {} } : files.root;
  return stateCustody(stateDir, { root, issuing: files.issuing });
}

async function passphraseOf(
  role: KeyRole,
  config: KeyCustodyConfig,
): Promise<Partial<Record<KeyRole, Passphrase>>> {
  if (config.kind !== 'file' || config.passphrase === undefined) return {};
  const secret = await readSecret(config.passphrase, 'passphrase');
  return { [role]: () => Promise.resolve(secret) };
}
