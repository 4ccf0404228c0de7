import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keyIdOf } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import { ALGORITHM_OF, type CustodyKey, isLabel, type KeyCustody } from './custody.ts';
import type { KeyRole } from './issuance.ts';
import { makeOneAtATime } from './make-one-at-a-time.ts';
import { pemOf } from './pem.ts';
import { decryptPrivateKey, encryptPrivateKey, SCRYPT_COST } from './private-key-encryption.ts';
import { createStateFile, readStateFile, syncDirectory } from './state-file.ts';

const generate = promisify(generateKeyPair);
const signAsync = promisify<string, Uint8Array, { key: KeyObject; dsaEncoding: 'der' }, Buffer>(
  sign,
);

const SUFFIX = '.key.pem';
const FORM =
  /^.*\n(-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n)(-----BEGIN ENCRYPTED PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END ENCRYPTED PRIVATE KEY-----\n)$/;

export type FileCustodyOptions = {
  /** A directory that is this role's own. */
  readonly directory: string;
  readonly role: KeyRole;
  /** Absent: the keys are locked. They are listed, and sign nothing. Throws CustodyError PASSPHRASE_UNFIT. */
  readonly passphrase?: () => Promise<Uint8Array>;
  /** Of new keys, scrypt's N. A lower one is for tests that make many. */
  readonly scryptCost?: number;
};

/** A key as its file has it. */
type FiledKey = {
  readonly label: string;
  readonly publicKey: KeyObject;
  readonly encrypted: string;
};

/**
 * Keys in files, 0600, one a key: a line for people, the public key, and the private one as PKCS#8 that is
 * encrypted under the passphrase. A key is decrypted when it first signs, and held from then on.
 */
export function fileCustody(options: FileCustodyOptions): KeyCustody {
  const { directory, role, passphrase, scryptCost = SCRYPT_COST } = options;
  const { curve, signatureAlgorithm, hash } = ALGORITHM_OF[role];
  const opened = new Map<string, Promise<KeyObject>>();
  const pathOf = (label: string) => join(directory, label.replace('/', '+') + SUFFIX);

  const unlocked = (keyId: string, filed: FiledKey): Promise<KeyObject> => {
    const known = opened.get(keyId);
    if (known !== undefined) return known;
    const opening = open(filed, pathOf(filed.label), words);
    opened.set(keyId, opening);
    // What failed is tried again: the passphrase may be there the next time.
    opening.catch(() => opened.delete(keyId));
    return opening;
  };
  const words = async (): Promise<Uint8Array> => {
    if (passphrase === undefined) throw new CustodyError('ROOT_KEY_LOCKED', directory);
    return passphrase();
  };
  const held = (filed: FiledKey): CustodyKey => {
    const spki = filed.publicKey.export({ type: 'spki', format: 'der' });
    const keyId = keyIdOf(spki);
    return {
      ...{ keyId, role, label: filed.label, spki, signatureAlgorithm },
      sign: async (message) =>
        signAsync(hash, message, { key: await unlocked(keyId, filed), dsaEncoding: 'der' }),
    };
  };
  const keys = async () => {
    const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const labels = files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length).replace('+', '/'));
    return Promise.all(labels.toSorted().map((label) => readKeyFile(label, pathOf(label))));
  };

  const make = async (label: string) => {
    const there = await keys();
    const own = there.find((filed) => filed.label === label);
    if (own !== undefined) return held(own);
    const { privateKey } = await generate('ec', { namedCurve: curve });
    return held(await keep(label, privateKey, there));
  };

  return {
    make: makeOneAtATime(make),
    keys: async () => (await keys()).map(held),
    destroy: async (keyId) => {
      const doomed = (await keys()).map(held).find((key) => key.keyId === keyId);
      opened.delete(keyId);
      // A root that is not here may be where only the ceremony looks: it is not taken for destroyed.
      if (doomed === undefined && passphrase === undefined) await words();
      if (doomed === undefined) return;
      await rm(pathOf(doomed.label), { force: true });
      await syncDirectory(directory);
    },
    adopt,
    ready: async () => {
      const [first] = await keys();
      if (first !== undefined && passphrase !== undefined) {
        await unlocked(held(first).keyId, first);
      }
    },
  };

  /** Verified as it lies on the disk: the caller does away with the other copy. */
  async function adopt(label: string, key: KeyObject): Promise<void> {
    const there = await keys();
    const own = there.find((filed) => filed.label === label) ?? (await keep(label, key, there));
    const kept = await open(own, pathOf(label), words);
    if (!kept.equals(key)) throw new CustodyError('KEY_FILE_MALFORMED', pathOf(label));
  }

  /** Under the one passphrase of all of them: it has to open a key that is there. */
  async function keep(
    label: string,
    privateKey: KeyObject,
    there: readonly FiledKey[],
  ): Promise<FiledKey> {
    const secret = await words();
    const [first] = there;
    if (first !== undefined) await unlocked(held(first).keyId, first);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const encrypted = await encryptPrivateKey(privateKey, secret, scryptCost);
    const publicKey = createPublicKey(privateKey);
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const forPeople = `Touchstone CA: ${role} key ${keyIdOf(spki)}\n`;
    const path = pathOf(label);
    try {
      await createStateFile(path, forPeople + pemOf(spki, 'PUBLIC KEY') + encrypted);
    } catch (error) {
      // Somebody else was asked for the same key.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return readKeyFile(label, path);
  }
}

/** Throws CustodyError: STATE_INCOMPLETE, KEY_FILE_MODE, KEY_FILE_MALFORMED. */
async function readKeyFile(label: string, path: string): Promise<FiledKey> {
  const [, publicPem, encrypted] = FORM.exec((await readStateFile(path)).toString('latin1')) ?? [];
  if (publicPem === undefined || encrypted === undefined || !isLabel(label)) {
    throw new CustodyError('KEY_FILE_MALFORMED', path);
  }
  try {
    return { label, publicKey: createPublicKey(publicPem), encrypted };
  } catch (cause) {
    throw new CustodyError('KEY_FILE_MALFORMED', path, cause);
  }
}

/** Throws CustodyError: PASSPHRASE_WRONG, KEY_FILE_MALFORMED if it opens another key than the file names. */
async function open(
  { publicKey, encrypted }: FiledKey,
  path: string,
  passphrase: () => Promise<Uint8Array>,
): Promise<KeyObject> {
  const secret = await passphrase();
  let key: KeyObject;
  try {
    key = decryptPrivateKey(encrypted, secret);
  } catch (cause) {
    throw new CustodyError('PASSPHRASE_WRONG', path, cause);
  }
  if (!createPublicKey(key).equals(publicKey)) throw new CustodyError('KEY_FILE_MALFORMED', path);
  return key;
}
