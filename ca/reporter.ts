import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { checkAgainst, SigningJwk } from '@touchstone/schemas';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { caError } from './ca-error.ts';

/** The verifier's key: an EC P-256 public key, PEM. @throws AppError CONFIG_INVALID for anything else */
export async function loadReporter(file: string): Promise<SigningJwk> {
  const pem = await readFile(file);
  try {
    const { kty, crv, x, y } = await exportJWK(createPublicKey(pem));
    const kid = await calculateJwkThumbprint({ kty, crv, x, y } as object, 'sha256');
    return checkAgainst(SigningJwk, { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' });
  } catch (cause) {
    const detail = `${file} is no EC P-256 public key`;
    throw caError('CONFIG_INVALID', 500, { detail, field: '/reporterKeyFile', cause });
  }
}
