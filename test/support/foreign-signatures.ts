import { generateKeyPairSync, sign } from 'node:crypto';
import { encodeTpmtSignature } from '@touchstone/tpm';
import type { LentTools } from './lent-tools.ts';

/** Every attestation of the AK's but a quote, over that qualifying data, into files `a` and `s`. */
export const OTHER_ATTESTATIONS: Readonly<
  Record<string, (tools: LentTools, data: string) => Promise<void>>
> = {
  // Its qualifying data cannot be chosen with this tool; it does not come to that.
  certify: (tools) =>
    tools.run(
      'tpm2_certify',
      ...['-c', 'ak.ctx', '-P', tools.akAuth, '-o', 'a', '-s', 's'],
      ...byAk(tools, 'C'),
    ),
  time: (tools, data) =>
    tools.run(
      'tpm2_gettime',
      ...['-q', data, '--attestation', 'a', '-o', 's'],
      ...byAk(tools, 'c'),
    ),
  creation: async (tools, data) => {
    await tools.run('tpm2_createprimary', '-C', 'n', '-c', 'key', '-d', 'd', '-t', 't');
    await tools.run(
      'tpm2_certifycreation',
      ...['-c', 'key', '-d', 'd', '-t', 't', '-q', data, '--attestation', 'a', '-o', 's'],
      ...byAk(tools, 'C', 'P'),
    );
  },
  'contents of NV': async (tools, data) => {
    // What a quote's body would be: the selection of sha256:0 to 7, and a digest.
    await tools.write('body', Buffer.from(`00000001000b03ff00000020${'11'.repeat(32)}`, 'hex'));
    await tools.run('tpm2_nvdefine', '0x01500020', '-C', 'o', '-s', '44');
    await tools.run('tpm2_nvwrite', '0x01500020', '-C', 'o', '-i', 'body');
    await tools.run(
      'tpm2_nvcertify',
      ...['-c', 'o', '-q', data, '--attestation', 'a', '-o', 's', '--size', '44'],
      ...byAk(tools, 'C', 'P'),
      '0x01500020',
    );
    await tools.run('tpm2_nvundefine', '0x01500020', '-C', 'o');
  },
};

/** The AK as the signing key of a tool, whose options for it are `-key` and `-auth`. */
const byAk = (tools: LentTools, key: string, auth = 'p'): string[] => [
  `-${key}`,
  'ak.ctx',
  `-${auth}`,
  tools.akAuth,
  '-g',
  'sha256',
  '-f',
  'tss',
];

/** TPM2_Sign over SHA-256 of the bytes; for a restricted key with TPM2_Hash's ticket. */
export async function signedBy(tools: LentTools, key: 'ak' | 'other', bytes: Uint8Array) {
  await tools.write('message', bytes);
  const auth = key === 'ak' ? ['-p', tools.akAuth] : [];
  await tools.run(
    'tpm2_hash',
    ...['-g', 'sha256', '-C', 'o', '-o', 'digest', '-t', 't'],
    'message',
  );
  await tools.run(
    'tpm2_sign',
    ...['-c', `${key}.ctx`, ...auth, '-g', 'sha256', '-d', '-t', 't', '-o', 's'],
    'digest',
  );
  return tools.read('s');
}

/** As our AK but for `restricted`: a child of the EK. */
export async function unrestrictedKey(tools: LentTools, name: string): Promise<void> {
  const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign';
  const files = ['-u', `${name}.pub`, '-r', `${name}.priv`];
  await tools.underEk('tpm2_create', ...['-G', 'ecc:ecdsa-sha256', '-a', attributes], ...files);
  await tools.underEk('tpm2_load', ...files, '-c', `${name}.ctx`);
}

export function softwareSignature(message: Uint8Array): Uint8Array {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pair = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [pair.subarray(0, 32), pair.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}
