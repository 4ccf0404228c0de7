import { ConfigError } from '../config-error.ts';
import type { CaConfig } from '../config.ts';
import type { KeyCustodyConfig } from '../custody-config.ts';
import {
  type Custody,
  fileCustodyIn,
  joinedCustody,
  type KeyCustody,
  type KeyRole,
  openToken,
  pkcs11Custody,
  stateCustody,
  type Token,
} from '../issuance/index.ts';
import { readSecret } from './secret-source.ts';

/** `close` is for the end of the process: it leaves the tokens. */
type OpenCustody = Custody & { close(): Promise<void> };

/**
 * The custody that the configuration describes, its secrets read. Only the process that issues does this.
 * @throws ConfigError CONFIG_INVALID, CustodyError PASSPHRASE_UNFIT
 */
export async function custodyOf({ custody, stateDir }: CaConfig): Promise<OpenCustody> {
  if (custody === undefined) {
    throw new ConfigError('/custody: say where the keys lie, and where their passphrase is read');
  }
  const { place, close } = placesIn(stateDir);
  const issuing = await place('issuing', custody.issuing);
  const root = await place('root', custody.root ?? custody.issuing);
  // Under one passphrase, the issuing keys vouch for it: opening a key takes a fifth of a second.
  const roots = custody.root === undefined ? { ...root, ready: async () => {} } : root;
  const { former } = custody;
  if (former === undefined) return { ...stateCustody(stateDir, { root: roots, issuing }), close };
  const keys = {
    root: joinedCustody(roots, await place('root', former)),
    issuing: joinedCustody(issuing, await place('issuing', former)),
  };
  return { ...stateCustody(stateDir, keys), close };
}

/** Each secret is read once, and a token opened once, however many roles have their keys there. */
function placesIn(stateDir: string) {
  const tokens = new Map<string, Token>();
  const secrets = new Map<string, Promise<Uint8Array>>();

  const secretOf = (...[source, kind]: Parameters<typeof readSecret>) => {
    const name = JSON.stringify(source);
    const read = secrets.get(name) ?? readSecret(source, kind);
    secrets.set(name, read);
    return read;
  };
  const place = async (role: KeyRole, config: KeyCustodyConfig): Promise<KeyCustody> => {
    if (config.kind === 'file') {
      if (config.passphrase === undefined) return fileCustodyIn(stateDir, {})[role];
      const secret = await secretOf(config.passphrase, 'passphrase');
      return fileCustodyIn(stateDir, { [role]: () => Promise.resolve(secret) })[role];
    }
    const { library, token: label, pin } = config;
    const name = JSON.stringify([library, label]);
    const secret = await secretOf(pin, 'pin');
    const token =
      tokens.get(name) ??
      openToken({ ...{ library, token: label, pin: () => Promise.resolve(secret) } });
    tokens.set(name, token);
    return pkcs11Custody(token, role);
  };
  const close = async () => {
    for (const token of tokens.values()) await token.close();
  };
  return { place, close };
}
