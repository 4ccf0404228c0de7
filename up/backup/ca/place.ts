import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { refuse } from '../../codes.ts';
import type { DatabaseAccess } from '../../database-access.ts';
import { UpError } from '../../failure.ts';

/** Where keys are, as the CA's configuration says it: ca/custody-config.ts. */
export type KeyPlace =
  | { readonly kind: 'file'; readonly passphrase?: { readonly file?: string } }
  | { readonly kind: 'pkcs11'; readonly token: string };

/** Whose keys: `former` are those of a place that they lay in before. */
const ROLES = ['issuing', 'root', 'former'] as const;
type KeyRole = (typeof ROLES)[number];

/** A CA by its configuration file: what a backup of it takes, and where a restore puts it. */
export type CaPlace = {
  readonly configFile: string;
  /** As the role that owns it. */
  readonly database: DatabaseAccess;
  readonly stateDir: string;
  /** The root's keys lie with the others where they have no place of their own. */
  readonly custody: Readonly<Partial<Record<KeyRole, KeyPlace>>>;
  readonly tls: { readonly keyFile: string; readonly certFile: string };
};

type Config = {
  readonly migrateDatabase: DatabaseAccess;
  readonly stateDir: string;
  readonly custody?: CaPlace['custody'];
  readonly tls: CaPlace['tls'];
};

/** @throws UpError CA_CONFIG_UNREADABLE */
export async function caPlace(file: string): Promise<CaPlace> {
  const configFile = resolve(file);
  const at = (path: string) => resolve(dirname(configFile), path);
  try {
    const config = JSON.parse(await readFile(configFile, 'utf8')) as Config;
    const { migrateDatabase: database, stateDir, tls } = config;
    const { issuing = { kind: 'file' as const }, root, former } = config.custody ?? {};
    const placed = (keys: KeyPlace): KeyPlace =>
      keys.kind === 'file' && keys.passphrase?.file !== undefined
        ? { kind: 'file', passphrase: { file: at(keys.passphrase.file) } }
        : keys;
    return {
      configFile,
      database: {
        ...database,
        passwordFile: at(database.passwordFile),
        ...(database.tls === undefined ? {} : { tls: { caFile: at(database.tls.caFile) } }),
      },
      stateDir: at(stateDir),
      custody: {
        issuing: placed(issuing),
        ...(root && { root: placed(root) }),
        ...(former && { former: placed(former) }),
      },
      tls: { keyFile: at(tls.keyFile), certFile: at(tls.certFile) },
    };
  } catch (cause) {
    throw refuse('CA_CONFIG_UNREADABLE', configFile, cause);
  }
}

/** By its name in a backup. */
export type CaFile = { readonly name: string; readonly path: string };

const STATE = 'state/';

/** Where a file of a backup goes; null for one that has no place here. */
export function pathOf(place: CaPlace, name: string): string | null {
  if (name.startsWith(STATE)) return join(place.stateDir, name.slice(STATE.length));
  return secretFiles(place).find((file) => file.name === name)?.path ?? null;
}

/** All that there is of it. */
export async function filesOf(place: CaPlace): Promise<CaFile[]> {
  const state = (await filesBelow(place.stateDir)).map((path) => ({
    name: `${STATE}${relative(place.stateDir, path)}`,
    path,
  }));
  const secrets = await Promise.all(
    secretFiles(place).map(async (file) => ((await isFile(file.path)) ? [file] : [])),
  );
  return [...state, ...secrets.flat()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What opens the keys, where that is a file, and the TLS key that hosts know. */
export function secretFiles({ custody, tls }: CaPlace): CaFile[] {
  const passphrase = (role: KeyRole) => {
    const keys = custody[role];
    const file = keys?.kind === 'file' ? keys.passphrase?.file : undefined;
    return file === undefined ? [] : [{ name: `custody/${role}-passphrase`, path: file }];
  };
  const all = [
    ...ROLES.flatMap(passphrase),
    { name: 'tls/cert.pem', path: tls.certFile },
    { name: 'tls/key.pem', path: tls.keyFile },
  ];
  return all.filter(({ path }, index) => all.findIndex((file) => file.path === path) === index);
}

/** In words, what of this CA no file holds. */
export function notInFiles({ custody }: CaPlace): string[] {
  return ROLES.flatMap((role) => {
    const keys = custody[role];
    if (keys === undefined) return [];
    if (keys.kind === 'pkcs11') {
      return [`the private ${role} keys, which are in the token ${keys.token} and never leave it`];
    }
    return keys.passphrase?.file === undefined
      ? [`the passphrase of the ${role} keys, which is in no file of the configuration`]
      : [];
  });
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(noneThere);
  const files = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() && !entry.name.endsWith('.draft') ? [path] : [];
    }),
  );
  return files.flat();
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

function noneThere(cause: NodeJS.ErrnoException): [] {
  if (cause.code === 'ENOENT') return [];
  throw new UpError('CA_STATE_UNREADABLE', cause.message, 'Run this as the user of the CA.', cause);
}
