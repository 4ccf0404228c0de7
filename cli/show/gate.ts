import type { GateStatus } from '@touchstone/schemas';
import { until } from './age.ts';
import { fields } from './fields.ts';
import { counted, labelsText } from './state.ts';
import { caution, good, type Line } from './text.ts';

/** Whether the gate refuses. `exposures`: how many there are, where they were asked for. */
export function gateLines(
  { observation }: GateStatus,
  options: { readonly now: Date; readonly width: number; readonly exposures?: number },
): Line[] {
  const { now, width, exposures } = options;
  const after: Line[] =
    exposures === undefined || exposures === 0
      ? []
      : [`${counted(exposures, 'exposure')}. See them:  touchstone exposure list`];
  if (observation === null) {
    return [[good('enforce'), ': a VM starts only on a host that proves itself.'], ...after];
  }
  const { until: ends, labels, reason, by } = observation;
  return [
    [caution('observe'), ': every start is asked and reported, and none is refused.'],
    ...fields(
      [
        ['ends', `${ends} (${until(ends, now)})`],
        ['hosts', labelsText(labels) || 'all'],
        ['reason', reason],
        ['by', by],
      ],
      { indent: 2, width },
    ),
    ...after,
    "End it:  touchstone gate enforce --reason 'what was mended'",
  ];
}
