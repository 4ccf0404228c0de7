import { parentPort } from 'node:worker_threads';
import { judgeMeasurements, type Measurements } from '@touchstone/appraisal';
import type { Judged } from './measurement-judge.ts';

/** Judges one boot after another, on a thread of its own. */
parentPort?.on('message', (measurements: Measurements) => {
  parentPort?.postMessage(judged(measurements), []);
});

function judged(measurements: Measurements): Judged {
  try {
    return { judgement: judgeMeasurements(measurements) };
  } catch (error) {
    return { failure: error instanceof Error ? error.name : 'unknown' };
  }
}
