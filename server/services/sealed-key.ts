import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { KeyUse } from '@touchstone/schemas';
import { refusal } from '../codes.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a sealed key belongs to: it opens under no other name. */
type Belongs = { readonly use: KeyUse; readonly kid: string };

/** Keys of the server at rest: a copy of the database alone signs nothing. */
export type KeySealer = {
  /** Nonce, PKCS#8 under AES-256-GCM, tag. */
  seal(key: KeyObject, to: Belongs): Uint8Array;
  /** @throws AppError SERVER_KEY_UNREADABLE */
  open(sealed: Uint8Array, of: Belongs): KeyObject;
};

/** By a key that derives (RFC 5869) from the deployment's root secret, which is in no database. */
export function keySealer(rootSecret: Uint8Array): KeySealer {
  const key = new Uint8Array(hkdfSync('sha256', rootSecret, '', 'touchstone/server-keys/1', 32));
  const named = ({ use, kid }: Belongs) => Buffer.from(`${use}\0${kid}`, 'utf8');
  return {
    seal(privateKey, to) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(named(to));
      const plain = privateKey.export({ type: 'pkcs8', format: 'der' });
      const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
      plain.fill(0);
      return Buffer.concat(sealed);
    },
    open(sealed, of) {
      try {
        const nonce = sealed.subarray(0, NONCE_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
          .setAAD(named(of))
          .setAuthTag(sealed.subarray(-TAG_BYTES));
        const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
        decipher.final();
        return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
      } catch (cause) {
        throw refusal('SERVER_KEY_UNREADABLE', { detail: `${of.use} key ${of.kid}`, cause });
      }
    },
  };
}
