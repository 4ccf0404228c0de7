import { keyOf, type MeasurementJudgement } from '@touchstone/appraisal';
import { refusal } from '../codes.ts';
import type { JudgesApart } from './judges-apart.ts';

/** Runs one after the other, of this process. */
export type PreviewTurns = <T>(work: () => Promise<T>) => Promise<T>;

const MOST_WAITING = 8;

/** @throws AppError PREVIEW_BUSY */
export function previewTurns(): PreviewTurns {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (work) => {
    if (waiting >= MOST_WAITING) throw refusal('PREVIEW_BUSY');
    waiting += 1;
    const turn = last.then(work, work);
    last = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      waiting -= 1;
    }
  };
}

/** Of so many boots a preview remembers what they mean; fleets show few. */
const REMEMBERED = 128;

/** Judges each boot once for all hosts that show it: the key covers all that a judgement follows from. */
export function sharedJudges(judges: JudgesApart, most = REMEMBERED): JudgesApart {
  const known = new Map<string, Promise<MeasurementJudgement>>();
  const measurements: JudgesApart['measurements'] = (measured) => {
    const key = keyOf(measured);
    const before = known.get(key);
    known.delete(key);
    const judged = before ?? judges.measurements(measured);
    known.set(key, judged);
    // A failure is nobody else's.
    if (before === undefined) judged.catch(() => known.delete(key));
    const [oldest] = known.keys();
    if (known.size > most && oldest !== undefined) known.delete(oldest);
    return judged;
  };
  return { ...judges, measurements };
}
