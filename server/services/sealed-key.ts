import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { KeyUse } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { bytesSealer } from './sealed-bytes.ts';

/** What a sealed key belongs to: it opens under no other name. */
type Belongs = { readonly use: KeyUse; readonly kid: string };

/** Keys of the server at rest, PKCS#8: a copy of the database alone signs nothing. */
export type KeySealer = {
  seal(key: KeyObject, to: Belongs): Uint8Array;
  /** @throws AppError SERVER_KEY_UNREADABLE */
  open(sealed: Uint8Array, of: Belongs): KeyObject;
};

export function keySealer(rootSecret: Uint8Array): KeySealer {
  const sealer = bytesSealer(rootSecret, 'touchstone/server-keys/1');
  const nameOf = ({ use, kid }: Belongs) => `${use}\0${kid}`;
  return {
    seal(privateKey, to) {
      const plain = privateKey.export({ type: 'pkcs8', format: 'der' });
      const sealed = sealer.seal(plain, nameOf(to));
      plain.fill(0);
      return sealed;
    },
    open(sealed, of) {
      try {
        const plain = sealer.open(sealed, nameOf(of));
        return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
      } catch (cause) {
        throw refusal('SERVER_KEY_UNREADABLE', { detail: `${of.use} key ${of.kid}`, cause });
      }
    },
  };
}
