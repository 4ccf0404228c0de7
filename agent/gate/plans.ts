import { join } from 'node:path';
import { Type } from 'typebox';
import { closed, StartPlan, StartPlans, type StartPlansRequest } from '@touchstone/schemas';
import { type Client, ProblemError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { Kept } from '../state/kept.ts';
import { atMost } from './at-most.ts';
import { bootTime } from './boot-time.ts';
import { Gathering } from './gathering.ts';
import type { NextChallenge } from './next-challenge.ts';
import { isTooLate } from './without-verdict.ts';

const MAX_KEPT = 1_024;
const MOST = 256;
const ANSWER_MS = 1_000;

const KeptPlans = closed({
  schema: Type.Literal('touchstone/agent-start-plans/1'),
  plans: Type.Array(StartPlan, { maxItems: MAX_KEPT }),
});

export type PlansParts = {
  readonly client: Pick<Client, 'request'>;
  readonly akName: string;
  /** Takes the challenge that comes along. */
  readonly challenges: Pick<NextChallenge, 'hold'>;
  readonly log: Logger;
};

/**
 * What need not be read of a VM before it is described. A plan proves nothing: the server looks again at what was not
 * read. The last is kept, so that a VM is the same VM while the server is away.
 */
export class Plans {
  readonly #kept: Kept<typeof KeptPlans>;
  readonly #log: Logger;
  readonly #asked: Gathering<string, StartPlan>;

  private constructor(kept: Kept<typeof KeptPlans>, by: PlansParts) {
    this.#kept = kept;
    this.#log = by.log;
    this.#asked = new Gathering({
      turn: atMost(1),
      together: async (vms) => {
        const plans = await askFor(by, [...new Set(vms)]);
        const byVm = new Map(plans.map((plan) => [plan.vm, plan]));
        return vms.map((vm) => byVm.get(vm) ?? unknown(vm));
      },
      most: MOST,
      mostBytes: Infinity,
      windowMs: () => 0,
      sharedBy: isTooLate,
    });
  }

  /** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open(stateDir: string, by: PlansParts): Promise<Plans> {
    const none = { schema: 'touchstone/agent-start-plans/1' as const, plans: [] };
    return new Plans(await Kept.open(join(stateDir, 'start-plans.json'), KeptPlans, none), by);
  }

  /** Does not throw: of what is not known, all is read. */
  async of(vm: string): Promise<StartPlan> {
    const last = this.#kept.value.plans.find((plan) => plan.vm === vm);
    try {
      const plan = await this.#asked.ask(vm);
      if (JSON.stringify(plan) !== JSON.stringify(last)) await this.#keep(plan);
      return plan;
    } catch (err) {
      this.#log.debug({ err, vm }, 'no plan of this VM could be had');
      return last ?? unknown(vm);
    }
  }

  /** A VM of no disks needs none: its plan is that of one that is not known. */
  async #keep(plan: StartPlan): Promise<void> {
    const { value } = this.#kept;
    const others = value.plans.filter(({ vm }) => vm !== plan.vm);
    if (plan.disks.length === 0 && others.length === value.plans.length) return;
    const plans = plan.disks.length === 0 ? others : [...others, plan].slice(-MAX_KEPT);
    await this.#kept.change({ ...value, plans });
  }
}

/** A start asks for its permit next: the challenge for that comes with the plans. */
async function askFor(
  { client, akName, challenges }: PlansParts,
  vms: readonly string[],
): Promise<readonly StartPlan[]> {
  const asked = (more: Partial<StartPlansRequest>) =>
    client.request({
      method: 'POST',
      path: '/v1/start-plans',
      body: { akName, vms, ...more },
      schema: StartPlans,
      timeoutMs: ANSWER_MS,
    });
  const askedAt = bootTime();
  try {
    const { plans, challenge: answer } = await asked({ challenge: true });
    if (answer !== undefined) challenges.hold({ answer, askedAt });
    return plans;
  } catch (error) {
    // A server that is older than this agent gives none along, and refuses to be asked for it.
    if (!(error instanceof ProblemError) || error.code !== 'SCHEMA_MISMATCH') throw error;
    return (await asked({})).plans;
  }
}

const unknown = (vm: string): StartPlan => ({ vm, known: false, disks: [] });
