import type { QuoteReport } from '../inspect/inspect-quote.ts';
import { fields } from './fields.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { bad, faint, good, type Line } from './text.ts';

/** A quote for reading: whether it holds, what it says, and what speaks against it. */
export function quoteLines(
  { verified, findings, attest }: QuoteReport,
  {
    akName,
    titleOf,
    textWidth,
  }: { akName: string | undefined; titleOf: TitleOf; textWidth: number },
): Line[] {
  const { clockInfo, quote } = attest;
  const covers = quote.pcrSelect
    .filter(({ pcrs }) => pcrs.length > 0)
    .map(({ bank, pcrs }) => `${bank}: ${pcrs.join(' ')}`);
  const { clock, resetCount, restartCount, safe } = clockInfo;
  return [
    verified ? good('The quote is verified.') : bad('The quote is not verified.'),
    verified
      ? faint('Whose key signed it, and whether the values are good, is another question.')
      : faint('Believe nothing that it says.'),
    '',
    ...fields(
      [
        ['AK Name', akName ?? faint('not known: the key came without its public area')],
        ['signer', attest.qualifiedSigner],
        ['extra data', attest.extraData === '' ? faint('none') : attest.extraData],
        ['covers', covers.length === 0 ? bad('no PCR') : covers.join('; ')],
        ['digest', quote.pcrDigest],
        ['clock', `${clock} ms${safe ? '' : ', not safe: the TPM lost power'}`],
        ['boots', `${resetCount} resets, ${restartCount} restarts since`],
        ['firmware', attest.firmwareVersion],
      ],
      { indent: 2, width: textWidth },
    ),
    ...findings.flatMap((finding, index): Line[] => [
      '',
      ...findingLines(finding, { number: index + 1, titleOf, width: textWidth }),
    ]),
  ];
}
