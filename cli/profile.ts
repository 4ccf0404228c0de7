import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Type } from 'typebox';
import {
  checkAgainst,
  closed,
  HttpsUrl,
  LineOfText,
  parseStrictJson,
  Sha256Hex,
} from '@touchstone/schemas';
import { CliError } from './codes.ts';
import { checkToken } from './token.ts';

const MAX_PROFILE_BYTES = 16_384;

const ProfileFile = closed({
  server: HttpsUrl,
  fingerprint: Sha256Hex,
  token: LineOfText(256),
  bundleKey: Type.Optional(Sha256Hex),
  formerFingerprints: Type.Optional(Type.Array(Sha256Hex, { maxItems: 16 })),
  ca: Type.Optional(closed({ url: HttpsUrl, pin: Sha256Hex, token: LineOfText(256) })),
});

/** What a login leaves behind: which server, which key it must hold, and the bearer token. */
export type Profile = {
  readonly server: string;
  readonly fingerprint: string;
  readonly token: string;
  /** RFC 7638 thumbprint of the key that signed the first trust bundle; absent in logins of versions before it. */
  readonly bundleKey?: string;
  /** TLS keys that the server had before: none of them is taken again. */
  readonly formerFingerprints?: readonly string[];
  /** The CA, as the trust bundle named it at login, and its own token; absent where none was given. */
  readonly ca?: CaLogin;
};

export type CaLogin = { readonly url: string; readonly pin: string; readonly token: string };

/** `--profile`, else TOUCHSTONE_PROFILE, else the file in the configuration's home. */
export function profilePath(
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  configHome: string,
): string {
  const fromEnvironment = env['TOUCHSTONE_PROFILE'];
  if (option !== undefined) return option;
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  return join(configHome, 'touchstone', 'credentials.json');
}

/**
 * A file that others can read is not used: its token must be taken for known.
 * @throws CliError NOT_LOGGED_IN, PROFILE_EXPOSED, PROFILE_MALFORMED
 */
export async function readProfile(path: string): Promise<Profile> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw new CliError('NOT_LOGGED_IN', `There is no login in ${path}.`, cause);
  }
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) throw new CliError('PROFILE_EXPOSED', path);
    if (size > MAX_PROFILE_BYTES) throw new CliError('PROFILE_MALFORMED', path);
    const profile = checkAgainst(ProfileFile, parseStrictJson(await file.readFile()));
    const { ca } = profile;
    return {
      ...profile,
      token: checkToken(profile.token),
      ...(ca === undefined ? {} : { ca: { ...ca, token: checkToken(ca.token) } }),
    };
  } catch (cause) {
    if (cause instanceof CliError && cause.code === 'PROFILE_EXPOSED') throw cause;
    throw new CliError('PROFILE_MALFORMED', path, cause);
  } finally {
    await file.close();
  }
}

/** The file is its owner's alone from its first byte on, and appears whole or not at all. */
export async function writeProfile(path: string, profile: Profile): Promise<void> {
  const draft = join(dirname(path), `.credentials-${randomUUID()}`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(profile, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new CliError('FILE_UNWRITABLE', path, cause);
  }
}
