import { type Static, Type } from 'typebox';
import { closed } from '@touchstone/schemas';

const Path = Type.String({ pattern: '^[^\\u0000]+$', maxLength: 4_096 });
const Text = Type.String({ minLength: 1, maxLength: 256 });

/**
 * Where a secret is read: a file that nobody else may read, a descriptor that is inherited, or a systemd credential by
 * its name. `container`: the file is a secret of a container's own, and its mode says nothing of who sees it.
 */
const SecretSource = Type.Union([
  closed({ file: Path, container: Type.Optional(Type.Literal(true)) }),
  closed({ fd: Type.Integer({ minimum: 0, maximum: 255 }) }),
  closed({ credential: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', maxLength: 255 }) }),
]);
export type SecretSource = Static<typeof SecretSource>;

/** Encrypted files in the state directory. Without a passphrase they are listed, and sign nothing. */
const FileKeys = closed({
  kind: Type.Literal('file'),
  passphrase: Type.Optional(SecretSource),
});

/** A PKCS#11 token: the path of its library, the token's label, and the PIN of its user. */
const TokenKeys = closed({
  kind: Type.Literal('pkcs11'),
  library: Path,
  token: Text,
  pin: SecretSource,
});
export type TokenKeys = Static<typeof TokenKeys>;

const Keys = Type.Union([FileKeys, TokenKeys]);
export type KeyCustodyConfig = Static<typeof Keys>;

/**
 * Read by the issuance alone. The root's keys lie with the others unless they have a place of their own. Where keys lay
 * before (`former`) they go on signing until a rotation has done away with them; no new one is made there.
 */
export const CustodyConfig = closed({
  issuing: Keys,
  root: Type.Optional(Keys),
  former: Type.Optional(Keys),
});

/**
 * Where the issuance is: a child that whoever needs it starts itself, in a network namespace without network where the
 * system allows that; or a process of its own (`main.ts issuance`) at a unix socket. `child` by default.
 */
export const IssuanceConfig = Type.Union([
  closed({ kind: Type.Literal('child') }),
  closed({ kind: Type.Literal('socket'), path: Path }),
]);

/** The same, its paths made whole. */
export function resolvedCustody(
  custody: Static<typeof CustodyConfig>,
  at: (file: string) => string,
): Static<typeof CustodyConfig> {
  const secret = (source: SecretSource) =>
    'file' in source ? { ...source, file: at(source.file) } : source;
  const keys = (config: KeyCustodyConfig): KeyCustodyConfig => {
    if (config.kind === 'pkcs11') {
      return { ...config, library: at(config.library), pin: secret(config.pin) };
    }
    const { passphrase } = config;
    return { ...config, ...(passphrase && { passphrase: secret(passphrase) }) };
  };
  const { issuing, root, former } = custody;
  return {
    issuing: keys(issuing),
    ...(root && { root: keys(root) }),
    ...(former && { former: keys(former) }),
  };
}
