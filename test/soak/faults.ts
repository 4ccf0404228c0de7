import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../fuzz/random.ts';
import type { Touchstone } from '../support/touchstone.ts';
import type { ModelHost } from './host-model.ts';

type Scene = {
  readonly touchstone: Touchstone;
  readonly model: ModelHost;
  readonly random: Random;
};

/** Something that goes wrong, and what has to be done by hand for it to be right again. */
export type Fault = { readonly name: string; readonly happen: (scene: Scene) => Promise<void> };

/** Whatever is frozen goes on, come what may. */
async function frozen(pids: readonly number[], ms: number): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await sleep(ms);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

async function processesOf(directory: string, word: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/u.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(directory) && line.includes(word)) pids.push(Number(name));
  }
  return pids;
}

const tpmOf = async ({ host }: ModelHost): Promise<number[]> => {
  const pid = await host.tpmPid();
  return pid === null ? [] : [pid];
};

export const FAULTS: readonly Fault[] = [
  { name: 'nothing', happen: async () => {} },
  {
    name: 'the TPM hangs',
    happen: async ({ model, random }) => frozen(await tpmOf(model), 200 + random.below(6_000)),
  },
  {
    // swtpm keeps no PCRs: what the agent starts anew is another boot of the same software.
    name: 'the power of the TPM is cut',
    happen: ({ model }) => model.host.cutPower(),
  },
  {
    name: 'the agent is killed',
    happen: async ({ model, random }) => {
      await model.host.stopAgent('SIGKILL');
      await sleep(random.below(500));
      await model.host.startAgent();
    },
  },
  {
    name: 'the agent freezes',
    happen: async ({ model, random }) => {
      const { agentPid } = model.host;
      await frozen(agentPid === undefined ? [] : [agentPid], 200 + random.below(6_000));
    },
  },
  {
    name: 'the server freezes',
    happen: async ({ touchstone, random }) =>
      frozen(await processesOf(touchstone.directory, 'server'), 200 + random.below(6_000)),
  },
  {
    name: 'the CA freezes',
    happen: async ({ touchstone, random }) =>
      frozen(await processesOf(touchstone.directory, '/ca/'), 200 + random.below(3_000)),
  },
  { name: 'it boots something else', happen: ({ model }) => model.boot(false) },
  { name: 'it boots what was approved', happen: ({ model }) => model.boot(true) },
];
