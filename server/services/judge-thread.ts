import { parentPort } from 'node:worker_threads';
import { judgeIma, judgeImaPart, judgeMeasurements } from '@touchstone/appraisal';
import type { ImaPolicy } from '@touchstone/schemas';
import type { Job, Judged, SentPolicy } from './judges-apart.ts';

/** Policies that came, by the numbers that they are called by. */
const policiesById = new Map<number, ImaPolicy>();

/** Judges one thing after another, on a thread of its own. */
parentPort?.on('message', (job: Job) => {
  parentPort?.postMessage(judged(job), []);
});

function judged(job: Job): Judged {
  try {
    return { judgement: judge(job) };
  } catch (error) {
    return { failure: error instanceof Error ? error.name : 'unknown' };
  }
}

function judge(job: Job) {
  if (job.kind === 'measurements') return judgeMeasurements(job.measured);
  const policies = job.measured.policies.map(received);
  return job.kind === 'ima'
    ? judgeIma({ ...job.measured, policies, known: job.measured.known.map(received) })
    : judgeImaPart({ ...job.measured, policies });
}

function received({ document, id, policy }: SentPolicy): { document: string; policy: ImaPolicy } {
  if (policy !== undefined) policiesById.set(id, policy);
  const held = policiesById.get(id);
  if (held === undefined) throw new TypeError('a policy that never came');
  return { document, policy: held };
}
