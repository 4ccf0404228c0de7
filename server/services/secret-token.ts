import { createHash, randomBytes } from 'node:crypto';

/** Bearer tokens of operators, tokens that let a host join, and browsers' cookies. */
export type TokenKind = 'tst_' | 'tsj_' | 'tsb_';

const SHAPE = /^ts[tjb]_[A-Za-z0-9_-]{43}$/u;

/** 256 random bits. The secret is shown once; what is stored is its hash. */
export function makeSecretToken(kind: TokenKind): { token: string; hash: Uint8Array } {
  const token = kind + randomBytes(32).toString('base64url');
  return { token, hash: hashOfToken(token) };
}

/**
 * SHA-256: a secret of 256 random bits is not guessed, so a slow hash would protect nothing. Comparing
 * hashes in the database's index tells an attacker nothing about the secret either.
 */
export const hashOfToken = (token: string): Uint8Array =>
  createHash('sha256').update(token, 'utf8').digest();

export const isSecretToken = (kind: TokenKind, text: string): boolean =>
  text.startsWith(kind) && SHAPE.test(text);
