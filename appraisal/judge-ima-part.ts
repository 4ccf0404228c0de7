import { dataOf, IMA_PCR, ImaReplay, openImaList } from '@touchstone/eventlog';
import type { ImaExtendStyle, ImaProgress } from '@touchstone/schemas';
import type { PcrValues } from '@touchstone/tpm';
import { bytesOfHex } from './bytes.ts';
import { type ImaMeasurements, imaPcrsOf } from './ima-measurements.ts';
import { appraiseImaSegment } from './ima/appraise-ima-segment.ts';

/** A part of a list by itself, all of which was extended; of PCR 10 it is only said in which banks it counts. */
export type ImaPart = Omit<ImaMeasurements, 'known'> & {
  readonly list: NonNullable<ImaMeasurements['list']>;
  /** Of banks of which the part's `prior` does not tell it; `hash` where nothing does. */
  readonly styles: ImaProgress['styles'];
};

/**
 * What a part comes to, as if PCR 10 had been quoted right behind its last entry: of a part that PCR 10 has vouched for, or
 * is yet to vouch for.
 * @throws ParseError
 */
export function judgeImaPart({ policies, pcrs, list, prior, styles }: ImaPart): ImaProgress {
  const before: Partial<Record<string, string>> = prior?.values ?? {};
  const told: Partial<Record<string, ImaExtendStyle>> = { ...styles, ...prior?.styles };
  const replays = imaPcrsOf(pcrs).map(([bank]) => {
    const value = bytesOfHex(before[bank] ?? '');
    const start = value === undefined || value.length === 0 ? undefined : value;
    return new ImaReplay(bank, told[bank] ?? 'hash', start);
  });
  const cursor = openImaList(list.entries, { digestBank: prior?.digestBank });
  while (cursor.next()) {
    if (cursor.pcr !== IMA_PCR) continue;
    for (const replay of replays) replay.extend(cursor.violation, dataOf(cursor));
  }
  const behind: PcrValues = new Map(
    replays.map(({ bank, value }) => [
      bank,
      new Map(
        [...(pcrs.get(bank) ?? [])].map(([pcr, was]) => [pcr, pcr === IMA_PCR ? value : was]),
      ),
    ]),
  );
  const { progress, believedEntries } = appraiseImaSegment(prior, list.entries, {
    ...{ policies, pcrs: behind, fromEntry: list.fromEntry },
  });
  if (progress === undefined || believedEntries !== cursor.index + 1) {
    throw new RangeError('a part that is no part of this list');
  }
  return progress;
}
