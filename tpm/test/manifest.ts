import { corpusJson } from './corpus.ts';

export type KnownSelection = { hash: string; pcrs: number[] }[];

/** What other parsers read from a TPMS_ATTEST. */
export type KnownAttest = {
  magic: string;
  type: string;
  qualifiedSigner: string;
  extraData: string;
  clock: number;
  resetCount: number;
  restartCount: number;
  safe: number;
  firmwareVersion: string;
  trailing: number;
  pcrSelect?: KnownSelection;
  pcrDigest?: string;
  name?: string;
  qualifiedName?: string;
};

export type Entry = { kind: string; path: string; expected: Record<string, unknown> };

/** The manifest's entries in this folder that state an expectation. */
export function statedIn(folder: string): Entry[] {
  return corpusJson<Entry[]>('manifest.json').filter(
    ({ path, expected }) => path.startsWith(`${folder}/`) && Object.keys(expected).length > 0,
  );
}

/** The folder of an entry. */
export const folderOf = ({ path }: Entry): string => path.slice(0, path.lastIndexOf('/'));

/** The header of an attestation as the manifest spells it. */
export function headerAsKnown(attest: {
  magic: number;
  qualifiedSigner: Uint8Array;
  extraData: Uint8Array;
  clockInfo: { clock: bigint; resetCount: number; restartCount: number; safe: boolean };
  firmwareVersion: bigint;
}): Omit<KnownAttest, 'type' | 'trailing'> {
  const { clock, resetCount, restartCount, safe } = attest.clockInfo;
  return {
    magic: attest.magic.toString(16),
    qualifiedSigner: Buffer.from(attest.qualifiedSigner).toString('hex'),
    extraData: Buffer.from(attest.extraData).toString('hex'),
    ...{ clock: Number(clock), resetCount, restartCount, safe: Number(safe) },
    firmwareVersion: attest.firmwareVersion.toString(16).padStart(16, '0'),
  };
}
