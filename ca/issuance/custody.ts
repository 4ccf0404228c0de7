import type { KeyObject } from 'node:crypto';
import type { CertificateSignatureAlgorithm } from '@touchstone/endorsement';
import type { HeldKey, KeyRole } from './issuance.ts';

/** A signing key in somebody's custody. Its private part never leaves that. */
export type CustodyKey = HeldKey & {
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  /** DER of r and s. Throws CustodyError where the key is locked, damaged or out of reach. */
  sign(message: Uint8Array): Promise<Uint8Array>;
};

/** Where the keys of one role lie. */
export type KeyCustody = {
  /** A new P-384 key for a root, P-256 for an issuing one; or the one that has this label already. */
  make(label: string): Promise<CustodyKey>;
  /** All of them, also while they are locked. */
  keys(): Promise<readonly CustodyKey[]>;
  /** One that is not there is gone already. */
  destroy(keyId: string): Promise<void>;
  /** Takes over a key that lay elsewhere. Where the label is there already, it has to be of the same key. */
  adopt(label: string, key: KeyObject): Promise<void>;
  /** Throws CustodyError if these keys could not sign now, and were not locked on purpose. */
  ready(): Promise<void>;
};

/** Everything that is secret in a CA. */
export type Custody = Readonly<Record<KeyRole, KeyCustody>> & {
  /** Of 32 bytes, the same for as long as the deployment lives. */
  ekRefSecret(): Promise<Uint8Array>;
  /** Throws CustodyError if something is not as it has to be. What older versions left is taken over. */
  ready(): Promise<void>;
};

/** The curve of each role, and the hash of its strength. */
export const ALGORITHM_OF = {
  root: { curve: 'secp384r1', signatureAlgorithm: 'ecdsa-sha384', hash: 'sha384' },
  issuing: { curve: 'prime256v1', signatureAlgorithm: 'ecdsa-sha256', hash: 'sha256' },
} as const satisfies Record<KeyRole, object>;

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/;

/** Letters, digits, `.`, `_`, `-`, in one part or in two with a `/` between. */
export const isLabel = (text: string) => LABEL.test(text);
