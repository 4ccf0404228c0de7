import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Fault } from './trial.ts';

/** `count` inputs for one target; `run` decides what they are. */
export type Campaign = { readonly target: string; readonly run: number; readonly count: number };

export type Finding = {
  readonly kind: Fault['kind'] | 'hang' | 'death';
  readonly detail: string;
  readonly target: string;
  /** Of the input, in its campaign. */
  readonly number: number;
  /** Absent where the thread was past saying what it read. */
  readonly bytes?: Uint8Array;
};

export type Outcome = { readonly tried: number; readonly findings: readonly Finding[] };

export type CampaignOptions = {
  /** The module that exports TARGETS. */
  readonly module: URL;
  /** One input that takes longer hangs. Far beyond what any takes on a busy machine. */
  readonly hangMs: number;
  readonly onProgress: (tried: number) => void;
};

/** Room for the parser and for what it may make of one input; one that takes more dies of it. */
const LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 32 };
const LOOK_EVERY_MS = 100;

/** Runs one campaign to its end, or to the input that ends it. */
export async function runCampaign(
  campaign: Campaign,
  { module, hangMs, onProgress }: CampaignOptions,
): Promise<Outcome> {
  // Below nothing until the thread has loaded what it needs.
  const progress = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  const worker = new Worker(new URL('campaign-worker.ts', import.meta.url), {
    workerData: { campaign, progress, module: module.href },
    resourceLimits: LIMITS,
  });
  const at = () => Atomics.load(progress, 0);
  const ended = (kind: Finding['kind'], detail: string): Outcome => ({
    tried: at(),
    findings: [{ kind, detail, target: campaign.target, number: at() }],
  });
  const watch = watching(at, { hangMs, onProgress });
  try {
    return await Promise.race([
      once(worker, 'message').then(([outcome]) => outcome as Outcome),
      once(worker, 'exit').then(([code]) => ended('death', `the thread ended with ${code}`)),
      watch.hangs.then(() => ended('hang', `over ${hangMs} ms for one input`)),
    ]).catch((error: unknown) => ended('death', String(error)));
  } finally {
    watch.stop();
    await worker.terminate();
  }
}

function watching(
  at: () => number,
  { hangMs, onProgress }: Pick<CampaignOptions, 'hangMs' | 'onProgress'>,
): { readonly hangs: Promise<void>; stop(): void } {
  let [seen, stillMs] = [-1, 0];
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    stillMs = at() === seen && seen >= 0 ? stillMs + LOOK_EVERY_MS : 0;
    seen = at();
    onProgress(Math.max(seen, 0));
    if (stillMs >= hangMs) resolve();
  }, LOOK_EVERY_MS);
  return { hangs: promise, stop: () => clearInterval(timer) };
}
