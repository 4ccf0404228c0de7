import { Worker } from 'node:worker_threads';
import {
  judgeMeasurements,
  type MeasurementJudgement,
  type Measurements,
} from '@touchstone/appraisal';

export type Judged = { readonly judgement: MeasurementJudgement } | { readonly failure: string };

/** Judges measurements without keeping others waiting for long. */
export type MeasurementJudge = (measurements: Measurements) => Promise<MeasurementJudgement>;

/** Bytes of log that are judged where they are: some hundreds of events, milliseconds. Firmware's have less. */
const LARGE_LOG = 131_072;
/** From when its turn has come. The longest log takes a second or two. */
const LIMIT_MS = 15_000;
/** A log that takes more ends its thread, and not the process. */
const MEMORY_MB = 512;

/**
 * Large logs are judged on a thread of their own, one after the other; it is started for the first of them,
 * and again after one under which it ended. Rejects where the thread ended, failed or took too long.
 */
export function measurementJudge({
  largeLog = LARGE_LOG,
  memoryMb = MEMORY_MB,
  limitMs = LIMIT_MS,
} = {}): MeasurementJudge {
  let thread: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const judgeApart = async (measurements: Measurements): Promise<MeasurementJudgement> => {
    thread ??= startThread(memoryMb);
    try {
      return await asked(thread, measurements, limitMs);
    } catch (error) {
      await thread.terminate();
      thread = undefined;
      throw error;
    }
  };

  return async (measurements) => {
    const bytes = measurements.bootLogs.reduce((sum, log) => sum + (log.bytes?.length ?? 0), 0);
    if (bytes <= largeLog) return judgeMeasurements(measurements);
    const turn = last.then(() => judgeApart(measurements));
    last = turn.catch(() => {});
    return turn;
  };
}

/** Its name is what the finding shows. */
class JudgeError extends Error {
  constructor(name: 'JudgeFailed' | 'JudgeEnded' | 'JudgeTooSlow', reason?: string) {
    super(reason);
    this.name = name;
  }
}

function startThread(maxOldGenerationSizeMb: number): Worker {
  const thread = new Worker(new URL('./judge-thread.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb },
  });
  // Failures are told to whoever asked; without anybody the process would end with them.
  thread.on('error', () => {});
  thread.unref();
  return thread;
}

async function asked(
  thread: Worker,
  measurements: Measurements,
  limitMs: number,
): Promise<MeasurementJudgement> {
  const { promise, resolve, reject } = Promise.withResolvers<MeasurementJudgement>();
  const onMessage = (judged: Judged) => {
    if ('judgement' in judged) resolve(judged.judgement);
    else reject(new JudgeError('JudgeFailed', judged.failure));
  };
  const onExit = () => reject(new JudgeError('JudgeEnded'));
  const limit = setTimeout(() => reject(new JudgeError('JudgeTooSlow')), limitMs);
  thread.on('message', onMessage).on('error', reject).on('exit', onExit);
  thread.ref();
  try {
    thread.postMessage(measurements, []);
    return await promise;
  } finally {
    clearTimeout(limit);
    thread.off('message', onMessage).off('error', reject).off('exit', onExit);
    thread.unref();
  }
}
