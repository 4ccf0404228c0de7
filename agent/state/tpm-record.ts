import { join } from 'node:path';
import { Type } from 'typebox';
import { closed, EkKind } from '@touchstone/schemas';
import { readStateFile, writeStateFile } from './state-file.ts';

/** Which TPM the keys of this state directory were made in, and below which of its EKs. */
export const TpmRecord = closed({
  schema: Type.Literal('touchstone/agent-tpm/1'),
  tpm: Type.Union([
    closed({ kind: Type.Literal('software') }),
    closed({
      kind: Type.Literal('device'),
      path: Type.String({ pattern: '^/[^\\u0000-\\u001f]*$', maxLength: 1_024 }),
    }),
  ]),
  ek: EkKind,
});
export type TpmRecord = Type.Static<typeof TpmRecord>;

const tpmPath = (stateDir: string): string => join(stateDir, 'tpm.json');

export const readTpmRecord = (stateDir: string) => readStateFile(tpmPath(stateDir), TpmRecord);
export const writeTpmRecord = (stateDir: string, record: TpmRecord) =>
  writeStateFile(tpmPath(stateDir), record);
