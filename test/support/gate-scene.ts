import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type PermitsAnswer, VmStarts } from '@touchstone/schemas';
import { type AgentHost, type RunOutcome, startAgentHost } from './agent-host.ts';
import type { Observed } from './attack.ts';
import { type Answer, type Impostor, startImpostor } from './impostor.ts';
import { startTouchstone, type Touchstone } from './touchstone.ts';

/** Where an agent's permits come from. */
export const PERMITS = '/v1/permits';

/** A deployment, a host whose agent is trusted and running, and somebody between the two. */
export interface GateScene {
  readonly touchstone: Touchstone;
  readonly impostor: Impostor;
  readonly host: AgentHost;
  newVm(): Promise<string>;
  /** What the server recorded of the VM's starts, the latest first. */
  decisionsOf(vm: string): Promise<readonly string[]>;
  /** How many starts the server permitted, whether or not the host has told by now that it refused them after all. */
  permitsOf(vm: string): Promise<number>;
  /** A start that must be: fails unless the command ran. */
  permitted(vm: string, on?: AgentHost): Promise<void>;
  /** A start that must not be: fails if the command ran, or `run` said yes. */
  denied(
    vm: string,
    start?: (command: readonly string[]) => Promise<RunOutcome>,
  ): Promise<Observed & { readonly code: string }>;
  /** The permit that the server gave last. */
  lastPermit(): string;
  stop(): Promise<void>;
}

/** `intervalSeconds`: of the host's own attestations, which leave traces of their own in the records. */
export async function startGateScene(
  name: string,
  settings: { readonly intervalSeconds?: number } = {},
): Promise<GateScene> {
  const touchstone = await startTouchstone(settings);
  let impostor: Impostor | undefined;
  let host: AgentHost | undefined;
  const stop = async () => {
    await host?.stop();
    await impostor?.stop();
    await touchstone.stop();
  };
  try {
    impostor = await startImpostor(touchstone);
    host = await startAgentHost(touchstone, { name, server: impostor.url });
    return sceneOf({ touchstone, impostor, host, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

function sceneOf(parts: Pick<GateScene, 'touchstone' | 'impostor' | 'host' | 'stop'>): GateScene {
  const { touchstone, impostor, host } = parts;
  return {
    ...parts,
    newVm: async () => {
      const uuid = randomUUID();
      await touchstone.addVm({ uuid, name: `vm-${uuid.slice(0, 8)}` });
      return uuid;
    },
    decisionsOf: async (vm) => {
      const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
      return starts.map(({ decision }) => decision);
    },
    permitsOf: async (vm) => {
      const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
      const wasTurned = (start: (typeof starts)[number]) =>
        start.told === true && start.definitionDigest !== null;
      return starts.filter((start) => start.decision === 'permitted' || wasTurned(start)).length;
    },
    permitted: async (vm, on = host) => {
      const probe = on.probe();
      const { exitCode, stderr } = await on.run(vm, probe.command);
      assert.equal(exitCode, 0, stderr);
      assert.equal(probe.started(), true, 'it was not started');
    },
    denied: async (vm, start = (command) => host.run(vm, command)) => {
      const probe = host.probe();
      const { exitCode, codes, stderr } = await start(probe.command);
      assert.equal(probe.started(), false, 'it was started');
      assert.notEqual(exitCode, 0, stderr);
      return { outcome: 'D', code: codes[0] ?? stderr };
    },
    lastPermit: () => {
      const { body } = impostor.answers(PERMITS).at(-1) ?? assert.fail('nothing was answered');
      return permitIn(body as PermitsAnswer);
    },
  };
}

export function permitIn({ answers: [answer] }: PermitsAnswer): string {
  assert.ok(answer !== undefined && 'permit' in answer, JSON.stringify(answer));
  return answer.permit;
}

/** The answer that an agent waits for, with another permit in it. */
export function withPermit({ status, body }: Answer, permit: string): Answer {
  const { answers, ...rest } = body as PermitsAnswer;
  const forged = answers.map(({ requestId }) => ({ requestId, permit }));
  return { status, body: { ...rest, answers: forged } };
}
