import { Worker } from 'node:worker_threads';
import {
  type ImaDocument,
  type ImaJudgement,
  type ImaMeasurements,
  type ImaPart,
  judgeIma,
  judgeImaPart,
  judgeMeasurements,
  type Judges,
  type MeasurementJudgement,
  type Measurements,
} from '@touchstone/appraisal';
import type { ImaPolicy, ImaProgress } from '@touchstone/schemas';

/** A policy may be long: it goes to a thread once, and is called by its number from then on. */
export type SentPolicy = {
  readonly document: string;
  readonly id: number;
  readonly policy?: ImaPolicy;
};
type Sent<T> = Omit<T, 'policies' | 'known'> & {
  readonly policies: readonly SentPolicy[];
  readonly known: readonly SentPolicy[];
};

export type Job =
  | { readonly kind: 'measurements'; readonly measured: Measurements }
  | { readonly kind: 'ima'; readonly measured: Sent<ImaMeasurements> }
  | { readonly kind: 'ima-part'; readonly measured: Sent<ImaPart> };

type Judgements = {
  readonly measurements: MeasurementJudgement;
  readonly ima: ImaJudgement;
  readonly 'ima-part': ImaProgress;
};

export type Judged =
  { readonly judgement: Judgements[keyof Judgements] } | { readonly failure: string };

export type JudgesApart = Judges & {
  /** What a part of a list comes to that is known to be whole. */
  readonly imaPart: (part: ImaPart) => Promise<ImaProgress>;
};

/** Bytes of log that are judged where they are: some hundreds of events, milliseconds. Firmware's have less. */
const LARGE_LOG = 131_072;
/** From when its turn has come. The longest log takes a second or two. */
const LIMIT_MS = 15_000;
/** A log that takes more ends its thread, and not the process. */
const MEMORY_MB = 512;
/** Policies that a thread has been sent; then it makes room for another one. */
const MAX_POLICIES = 32;

type Apart = { readonly worker: Worker; readonly policies: Map<ImaPolicy, number> };

/**
 * Large logs are judged on a thread of their own, one after the other; it is started for the first of them,
 * and again after one under which it ended. Rejects where the thread ended, failed or took too long.
 */
export function judgesApart({
  largeLog = LARGE_LOG,
  memoryMb = MEMORY_MB,
  limitMs = LIMIT_MS,
} = {}): JudgesApart {
  let thread: Apart | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = async (jobOn: (policies: Apart['policies']) => Job) => {
    if ((thread?.policies.size ?? 0) > MAX_POLICIES) {
      await thread?.worker.terminate();
      thread = undefined;
    }
    thread ??= { worker: startThread(memoryMb), policies: new Map() };
    try {
      return await asked(thread.worker, jobOn(thread.policies), limitMs);
    } catch (error) {
      await thread.worker.terminate();
      thread = undefined;
      throw error;
    }
  };
  const apart = <K extends Job['kind']>(
    jobOn: (policies: Apart['policies']) => Job & { kind: K },
  ) => {
    const turn = last.then(() => inTurn(jobOn)) as Promise<Judgements[K]>;
    last = turn.catch(() => {});
    return turn;
  };

  return {
    measurements: async (measured) => {
      const bytes = measured.bootLogs.reduce((sum, log) => sum + (log.bytes?.length ?? 0), 0);
      if (bytes <= largeLog) return judgeMeasurements(measured);
      return apart(() => ({ kind: 'measurements', measured }));
    },
    ima: async (measured) => {
      if ((measured.list?.entries.length ?? 0) <= largeLog) return judgeIma(measured);
      return apart((before) => ({ kind: 'ima', measured: withSent(measured, before) }));
    },
    imaPart: async (part) => {
      if ((part.list?.entries.length ?? 0) <= largeLog) return judgeImaPart(part);
      return apart((before) => ({ kind: 'ima-part', measured: withSent(part, before) }));
    },
  };
}

function withSent<T extends ImaPart | ImaMeasurements>(
  measured: T,
  before: Apart['policies'],
): Sent<T> {
  const sent = ({ document, policy }: ImaDocument): SentPolicy => {
    const id = before.get(policy);
    if (id !== undefined) return { document, id };
    before.set(policy, before.size);
    return { document, id: before.size - 1, policy };
  };
  const known = 'known' in measured ? measured.known : [];
  return { ...measured, policies: measured.policies.map(sent), known: known.map(sent) };
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
  job: Job,
  limitMs: number,
): Promise<Judgements[keyof Judgements]> {
  const { promise, resolve, reject } = Promise.withResolvers<Judgements[keyof Judgements]>();
  const onMessage = (judged: Judged) => {
    if ('judgement' in judged) resolve(judged.judgement);
    else reject(new JudgeError('JudgeFailed', judged.failure));
  };
  const onExit = () => reject(new JudgeError('JudgeEnded'));
  const limit = setTimeout(() => reject(new JudgeError('JudgeTooSlow')), limitMs);
  thread.on('message', onMessage).on('error', reject).on('exit', onExit);
  thread.ref();
  try {
    thread.postMessage(job, []);
    return await promise;
  } finally {
    clearTimeout(limit);
    thread.off('message', onMessage).off('error', reject).off('exit', onExit);
    thread.unref();
  }
}
