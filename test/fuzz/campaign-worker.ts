import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import type { Campaign, Finding } from './campaign.ts';
import { inputsOf } from './inputs.ts';
import type { Target } from './target.ts';
import { makeReady, tryInput } from './trial.ts';

/** One campaign on a thread of its own, so that one that hangs or takes all memory can be ended from outside. */
const { campaign, progress, module } = workerData as {
  readonly campaign: Campaign;
  readonly progress: Int32Array;
  readonly module: string;
};
assert.ok(parentPort !== null);

/** As many as are worth reading: the same fault comes again and again. */
const MAX_FINDINGS = 8;

const { TARGETS } = (await import(module)) as { readonly TARGETS: readonly Target[] };
const target = TARGETS.find(({ name }) => name === campaign.target);
assert.ok(target !== undefined, campaign.target);
const findings: Finding[] = [];
let number = 0;
Atomics.store(progress, 0, number);
makeReady(target);
for (const bytes of inputsOf(target.seeds(), campaign)) {
  Atomics.store(progress, 0, number);
  const fault = tryInput(target, bytes);
  if (fault !== null) findings.push({ ...fault, target: target.name, number, bytes });
  if (findings.length === MAX_FINDINGS) break;
  number += 1;
}
parentPort.postMessage({ tried: number, findings }, []);
