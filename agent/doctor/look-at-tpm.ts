import { type AgentCheck, AgentChecks } from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import { openTpm, TpmError } from 'node-tpm2-tss-bindings';
import { readKeyRecord } from '../state/identity.ts';
import { chooseTpm, tpmInUse } from '../tpm/choose-tpm.ts';
import { type Machine, passedOverBy } from '../tpm/host-tpm.ts';
import { checkTpm } from './check-tpm.ts';
import { failure, warning } from './check.ts';
import { lookHere } from './look-at-software-tpm.ts';

const SUBJECT = 'TPM';
/** As long as the agent may have to wait for its own turn with a TPM that hangs. */
const ANSWER_TIMEOUT_MS = 45_000;
const COMMAND_TIMEOUT_MS = 5_000;

/** By the agent that runs: nobody else talks to its TPM meanwhile. */
export async function lookByAgent(client: Client): Promise<readonly AgentCheck[]> {
  const ask = { method: 'GET', path: '/v1/checks/tpm', timeoutMs: ANSWER_TIMEOUT_MS } as const;
  try {
    return (await client.request({ ...ask, schema: AgentChecks })).checks;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'TIMEOUT') throw error;
    // A chip is given longer than that for one command.
    const detail = `the agent got no answer from it within ${ANSWER_TIMEOUT_MS / 1_000} s`;
    return [failure(SUBJECT, new TpmError('TPM_TIMEOUT', 'doctor', detail))];
  }
}

/** A chip that this machine has and this host does not use. */
export async function checkPassedOver(stateDir: string, machine: Machine): Promise<AgentCheck[]> {
  const { tpm } = await tpmInUse(stateDir);
  // Before there are keys, enrolment takes the chip.
  const chip = (await readKeyRecord(stateDir)) === null ? null : await passedOverBy(tpm, machine);
  return chip === null ? [] : [warning('TPM_PASSED_OVER', SUBJECT, chip)];
}

/** The TPM of a state directory that no agent uses; before there are keys, the one that enrolment would take. */
export async function lookAtOwn(host: {
  readonly stateDir: string;
  readonly searchPath: string;
  readonly machine: Machine;
}): Promise<AgentCheck[]> {
  const { tpm: own } = await chooseTpm(host.stateDir, host.machine, {});
  if (own.kind === 'software') return lookHere(host.stateDir, host.searchPath);
  const options = { commandTimeoutMs: COMMAND_TIMEOUT_MS, shared: true };
  const tpm = await openTpm({ ...options, tcti: `device:${own.path}` });
  return checkTpm(tpm).finally(() => tpm.close());
}

/** A TPM that another process talks to is left to it. */
export const notLookedAt = (): AgentCheck =>
  warning(
    'CHECK_FAILED',
    SUBJECT,
    'a process that does not answer holds the state directory, and its TPM is left to it',
  );
