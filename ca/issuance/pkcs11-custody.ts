import { createHash, createPublicKey, verify } from 'node:crypto';
import { encodeEcdsaSignature, keyIdOf } from '@touchstone/endorsement';
import type { Crypto } from 'node-webcrypto-p11';
import { CustodyError } from './custody-error.ts';
import { ALGORITHM_OF, type CustodyKey, type KeyCustody } from './custody.ts';
import type { KeyRole } from './issuance.ts';
import { makeOneAtATime } from './make-one-at-a-time.ts';
import type { Token } from './token.ts';

const CURVES = { root: 'P-384', issuing: 'P-256' } as const;
const HASHES = { root: 'SHA-384', issuing: 'SHA-256' } as const;

type TokenKey = Awaited<ReturnType<Crypto['keyStorage']['getItem']>>;
type Pair = { readonly label: string; readonly privateKey: TokenKey; readonly spki: Uint8Array };

/**
 * Keys of one role in a PKCS#11 token: made in it, never out of it. The token signs, and does nothing else: public keys
 * are worked with here, and what it signed is verified with them before it leaves.
 * @throws CustodyError those of the token, KEY_EXTRACTABLE, CLEAR_KEY_BESIDE_TOKEN
 */
export function pkcs11Custody(token: Token, role: KeyRole): KeyCustody {
  const prefix = `touchstone/${role}/`;
  const curve = CURVES[role];
  const { signatureAlgorithm, hash } = ALGORITHM_OF[role];

  const pairsIn = async (crypto: Crypto): Promise<Pair[]> => {
    const names = await crypto.keyStorage.keys();
    const keys = await Promise.all(names.map((name) => crypto.keyStorage.getItem(name)));
    const own = keys.filter(({ algorithm }) => algorithm.label.startsWith(prefix));
    const publics = own.filter(({ type }) => type === 'public');
    const pairs = own
      .filter(({ type }) => type === 'private')
      .map(async (privateKey): Promise<Pair | undefined> => {
        const { label } = privateKey.algorithm;
        const publicKey = publics.find(({ algorithm }) => algorithm.label === label);
        if (publicKey === undefined) return undefined;
        const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
        return { label: label.slice(prefix.length), privateKey, spki };
      });
    return (await Promise.all(pairs)).filter((pair) => pair !== undefined);
  };
  const sign = async (keyId: string, message: Uint8Array): Promise<Uint8Array> =>
    token.run(async (crypto) => {
      const pair = (await pairsIn(crypto)).find(({ spki }) => keyIdOf(spki) === keyId);
      if (pair === undefined) throw new CustodyError('KEY_NOT_HELD', `${role} ${keyId}`);
      requireBound(pair.privateKey, pair.label);
      const algorithm = { name: 'ECDSA', hash: HASHES[role] };
      const raw = new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, message));
      const signature = encodeEcdsaSignature(raw);
      const key = createPublicKey({ key: Buffer.from(pair.spki), format: 'der', type: 'spki' });
      if (verify(hash, message, { key, dsaEncoding: 'der' }, signature)) return signature;
      throw new CustodyError('TOKEN_FAILED', `${role} ${keyId}: a signature that is none`);
    });
  const held = ({ label, spki }: Pair): CustodyKey => {
    const keyId = keyIdOf(spki);
    return {
      ...{ keyId, role, label, spki, signatureAlgorithm },
      sign: (message) => sign(keyId, message),
    };
  };
  const make = (label: string): Promise<CustodyKey> =>
    token.run(async (crypto) => {
      const there = (await pairsIn(crypto)).find((pair) => pair.label === label);
      if (there !== undefined) {
        requireBound(there.privateKey, label);
        return held(there);
      }
      await removeFrom(crypto, prefix + label);
      const id = createHash('sha256').update(prefix + label);
      const algorithm = {
        ...{ name: 'ECDSA', namedCurve: curve, token: true, sensitive: true },
        ...{ label: prefix + label, id: id.digest().subarray(0, 16) },
      };
      const { privateKey } = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
      try {
        requireBound(privateKey as TokenKey, label);
      } catch (error) {
        // Asked again, it would be there.
        await removeFrom(crypto, prefix + label);
        throw error;
      }
      const made = (await pairsIn(crypto)).find((pair) => pair.label === label);
      if (made === undefined) throw new CustodyError('TOKEN_FAILED', `${label}: it was not kept`);
      return held(made);
    });

  return {
    make: makeOneAtATime(make),
    keys: () => token.run(async (crypto) => (await pairsIn(crypto)).map(held)),
    destroy: (keyId) =>
      token.run(async (crypto) => {
        const doomed = (await pairsIn(crypto)).find(({ spki }) => keyIdOf(spki) === keyId);
        if (doomed !== undefined) await removeFrom(crypto, prefix + doomed.label);
      }),
    adopt: (label) => Promise.reject(new CustodyError('CLEAR_KEY_BESIDE_TOKEN', label)),
    ready: () =>
      token.run(async (crypto) => {
        for (const { privateKey, label } of await pairsIn(crypto)) requireBound(privateKey, label);
      }),
  };
}

/** Both halves of a pair, or what an interruption left of one. The private one goes first. */
async function removeFrom(crypto: Crypto, label: string): Promise<void> {
  const names = (await crypto.keyStorage.keys()).toSorted();
  for (const name of names) {
    const { algorithm } = await crypto.keyStorage.getItem(name);
    if (algorithm.label === label) await crypto.keyStorage.removeItem(name);
  }
}

/** What the token says of a key, whoever made it there: PKCS#11 3.1, 4.9. */
function requireBound(key: TokenKey, label: string): void {
  const { extractable, sensitive, neverExtractable } = key.p11Object.getAttribute({
    ...{ extractable: null, sensitive: null, neverExtractable: null },
  });
  if (extractable === false && sensitive === true && neverExtractable === true) return;
  throw new CustodyError('KEY_EXTRACTABLE', label);
}
