import type { ExposureList, ReasonTitles } from '@touchstone/schemas';
import { age } from './age.ts';
import { fields } from './fields.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { bad, type Line, strong } from './text.ts';

/** What runs without a proof, and beneath it what each kind means and what to do about it, once. */
export function exposureLines(
  { exposures }: Pick<ExposureList, 'exposures'>,
  reasons: ReasonTitles['reasons'],
  now: Date,
  { width, textWidth }: { readonly width: number | undefined; readonly textWidth: number },
): Line[] {
  if (exposures.length === 0) return ['Nothing runs without a proof, as far as anybody told.'];
  const known = new Map(reasons.map((reason) => [reason.code, reason]));
  const rows = exposures.map(({ hostName, vmName, vm, code, since, subject, detail }) => [
    ...[hostName, vmName ?? vm?.slice(0, 8) ?? '-', bad(code), age(since, now)],
    subject === detail ? subject : `${subject}: ${detail}`,
  ]);
  const codes = [...new Set(exposures.map(({ code }) => code))];
  return [
    ...table(['HOST', 'VM', 'CODE', 'SINCE', 'WHAT'], rows, width),
    '',
    counted(exposures.length, 'exposure'),
    ...codes.flatMap((code): Line[] => {
      const reason = known.get(code);
      return [
        '',
        strong(code),
        ...fields(
          [
            ['means', reason?.title ?? 'nothing that this version of the server knows'],
            ['to do', reason?.remedy],
          ],
          { indent: 2, width: textWidth },
        ),
      ];
    }),
  ];
}
