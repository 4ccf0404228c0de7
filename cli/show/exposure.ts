import type { Exposure, ExposureList, ReasonTitles } from '@touchstone/schemas';
import { age } from './age.ts';
import { fields } from './fields.ts';
import { counted } from './state.ts';
import { bad, type Line, strong, wrapWords } from './text.ts';

type Told = Pick<Exposure, 'hostName' | 'subject' | 'detail' | 'vm' | 'vmName'>;

/**
 * What runs without a proof: of each kind what it means and what to do about it, once, and beneath it where and since
 * when. The kind with the latest comes first.
 */
export function exposureLines(
  { exposures }: Pick<ExposureList, 'exposures'>,
  reasons: ReasonTitles['reasons'],
  now: Date,
  width: number,
): Line[] {
  if (exposures.length === 0) return ['Nothing runs without a proof, as far as anybody told.'];
  const known = new Map(reasons.map((reason) => [reason.code, reason]));
  const kinds = [...Map.groupBy(exposures, ({ code }) => code)];
  return [
    counted(exposures.length, 'exposure'),
    ...kinds.flatMap(([code, those]): Line[] => {
      const reason = known.get(code);
      return [
        '',
        [bad(code), those.length === 1 ? '' : ` (${those.length})`],
        ...fields(
          [
            ['means', reason?.title ?? 'nothing that this version of the server knows'],
            ['to do', reason?.remedy],
          ],
          { indent: 2, width },
        ),
        ...those.flatMap((each) => placeLines(each, now, width)),
      ];
    }),
  ];
}

const INDENT = 4;

function placeLines(exposure: Exposure, now: Date, width: number): Line[] {
  const { hostName, since } = exposure;
  const what = whatOf(exposure);
  const place = [hostName, ...vmOf(exposure)].join(', ');
  return [
    ['  ', strong(place), `, for ${age(since, now)}`],
    ...(what === '' ? [] : wrapWords(what, width - INDENT)).map(
      (line) => `${' '.repeat(INDENT)}${line}`,
    ),
  ];
}

const vmOf = ({ vm, vmName }: Told): string[] => (vm === null ? [] : [`VM ${vmName ?? vm}`]);

/** The subject is left out where it names the host or the VM, which stand above. */
function whatOf({ hostName, subject, detail, vm, vmName }: Told): string {
  const named = [hostName, vm, vmName, `VM ${vm}`, `VM ${vmName}`, detail].includes(subject);
  return named ? detail : `${subject}: ${detail}`;
}
