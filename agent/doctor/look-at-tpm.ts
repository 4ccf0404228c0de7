import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type AgentCheck, AgentChecks } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { openTpm, TpmError } from 'node-tpm2-tss-bindings';
import { softwareTpmHealth, softwareTpmSocket } from '../tpm/software-tpm-health.ts';
import { checkTpm } from './check-tpm.ts';
import { failure, fault, ok, warning } from './check.ts';

const SUBJECT = 'TPM';
/** As long as the agent may have to wait for its own turn with a TPM that hangs. */
const ANSWER_TIMEOUT_MS = 45_000;
const COMMAND_TIMEOUT_MS = 5_000;
const PROGRAMS = ['swtpm', 'swtpm_setup'];

/** By the agent that runs: nobody else talks to its TPM meanwhile. */
export async function lookByAgent(client: Client): Promise<readonly AgentCheck[]> {
  const ask = { method: 'GET', path: '/v1/checks/tpm', timeoutMs: ANSWER_TIMEOUT_MS } as const;
  return (await client.request({ ...ask, schema: AgentChecks })).checks;
}

/** The software TPM of a state directory that no agent uses. It is not started, and nothing in it is flushed. */
export async function lookHere(stateDir: string, searchPath: string): Promise<AgentCheck[]> {
  const missing = await missingPrograms(searchPath);
  if (missing.length > 0) {
    return [fault('SOFTWARE_TPM_FAILED', SUBJECT, `${missing.join(' and ')} not installed`)];
  }
  const socket = softwareTpmSocket(stateDir);
  const health = await softwareTpmHealth(socket);
  if (health === 'hangs') {
    return [failure(SUBJECT, new TpmError('TPM_TIMEOUT', 'open', `swtpm at ${socket} hangs`))];
  }
  if (health === 'absent') {
    const made = await exists(join(stateDir, 'swtpm', 'manufactured'));
    const detail = made
      ? 'the software TPM does not run; it starts with the agent'
      : 'the software TPM is not made yet; `touchstone-agent enroll` makes it';
    return [ok(SUBJECT, detail)];
  }
  const tcti = `swtpm:path=${socket}`;
  const tpm = await openTpm({ tcti, commandTimeoutMs: COMMAND_TIMEOUT_MS, shared: true });
  return checkTpm(tpm).finally(() => tpm.close());
}

/** A TPM that another process talks to is left to it. */
export const notLookedAt = (): AgentCheck =>
  warning(
    'CHECK_FAILED',
    SUBJECT,
    'a process that does not answer holds the state directory, and its TPM is left to it',
  );

async function missingPrograms(searchPath: string): Promise<string[]> {
  const directories = [...searchPath.split(delimiter), '/usr/bin', '/bin'].filter(Boolean);
  const missing: string[] = [];
  for (const program of PROGRAMS) {
    const found = await Promise.all(
      directories.map((directory) => exists(join(directory, program))),
    );
    if (!found.includes(true)) missing.push(program);
  }
  return missing;
}

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
