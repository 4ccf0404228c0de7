import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Secrets at rest, under a key that is in no database. */
export type BytesSealer = {
  /** Nonce, the bytes under AES-256-GCM, tag. `name`: what they belong to; they open under no other. */
  seal(bytes: Uint8Array, name: string): Buffer;
  /** The caller overwrites what it is given. @throws Error */
  open(sealed: Uint8Array, name: string): Buffer;
};

/** The key derives (RFC 5869) from the deployment's root secret, for what `label` says and for nothing else. */
export function bytesSealer(rootSecret: Uint8Array, label: string): BytesSealer {
  const key = new Uint8Array(hkdfSync('sha256', rootSecret, '', label, 32));
  return {
    seal(bytes, name) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name, 'utf8'));
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, name) {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(name, 'utf8'))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      const bytes = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
      decipher.final();
      return bytes;
    },
  };
}
