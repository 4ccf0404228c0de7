import { type AgentHost, type RunOutcome, startAgentHost } from '../support/agent-host.ts';
import type { Touchstone } from '../support/touchstone.ts';

const GOOD = 'nested = no\n';
const BAD = 'nested = yes\n';

/** One start that was asked for, and what the host was then. */
export type Tried = {
  readonly host: string;
  readonly wasGood: boolean;
  readonly started: boolean;
  readonly outcome: RunOutcome;
};

/** A real host, and what is known of it without asking anybody. */
export type ModelHost = {
  readonly host: AgentHost;
  /** Whether what it booted is what was approved. Only a boot changes that. */
  isGood(): boolean;
  boot(good: boolean): Promise<void>;
  tryStart(vm: string): Promise<Tried>;
};

export async function newModelHost(touchstone: Touchstone, name: string): Promise<ModelHost> {
  const host = await startAgentHost(touchstone, { name, measure: GOOD });
  let good = true;
  return {
    host,
    isGood: () => good,
    async boot(toBeGood) {
      await host.reboot({ change: toBeGood ? GOOD : BAD });
      good = toBeGood;
    },
    async tryStart(vm) {
      const wasGood = good;
      const probe = host.probe();
      const outcome = await host.run(vm, probe.command);
      return { host: name, wasGood, started: probe.started(), outcome };
    },
  };
}
