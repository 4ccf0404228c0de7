import {
  ADVISORIES,
  type Advisory,
  type AdvisoryName,
  type FirmwareRange,
  type FirmwareVersion,
} from './ledger.ts';

/** TPMS_ATTEST.firmwareVersion, the two properties one after the other, in words of 16 bits: `7.62.12.13824`. */
export function firmwareText(version: bigint): string {
  return wordsOf(version).join('.');
}

/** What is known against the TPMs of a maker with that firmware. */
export function advisoriesOf(maker: string, version: bigint): readonly AdvisoryName[] {
  const words = wordsOf(version);
  const entries = Object.entries(ADVISORIES) as [AdvisoryName, Advisory][];
  return entries.flatMap(([name, { maker: of, firmware }]) =>
    of === maker && firmware.some((range) => isWithin(words, range)) ? [name] : [],
  );
}

function isWithin(words: readonly number[], { from, to }: FirmwareRange): boolean {
  return compared(words, from) >= 0 && compared(words, to) <= 0;
}

/** By the words that `end` has. */
function compared(words: readonly number[], end: FirmwareVersion): number {
  for (const [at, word] of end.entries()) {
    const difference = (words[at] ?? 0) - word;
    if (difference !== 0) return difference;
  }
  return 0;
}

const wordsOf = (version: bigint): number[] =>
  [48n, 32n, 16n, 0n].map((shift) => Number((version >> shift) & 0xffffn));
