import { join } from 'node:path';
import { Type } from 'typebox';
import { base64UrlUpTo, closed } from '@touchstone/schemas';
import { readStateFile, writeStateFile } from './state-file.ts';

/** EK certificates that somebody gave, DER, with those above them: for a TPM whose NV has none. */
const GivenCertificates = closed({
  schema: Type.Literal('touchstone/agent-ek-certificates/1'),
  certificates: Type.Array(base64UrlUpTo(8_192), { minItems: 1, maxItems: 16 }),
});

const pathIn = (stateDir: string): string => join(stateDir, 'ek-certificates.json');

export async function readGivenCertificates(stateDir: string): Promise<readonly Uint8Array[]> {
  const given = await readStateFile(pathIn(stateDir), GivenCertificates);
  return given?.certificates.map((text) => Buffer.from(text, 'base64url')) ?? [];
}

/** In place of those of before. */
export const writeGivenCertificates = (
  stateDir: string,
  certificates: readonly Uint8Array[],
): Promise<void> =>
  writeStateFile(pathIn(stateDir), {
    schema: 'touchstone/agent-ek-certificates/1',
    certificates: certificates.map((der) => Buffer.from(der).toString('base64url')),
  });
