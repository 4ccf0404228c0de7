import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { AgentCheck } from '@touchstone/schemas';
import { openTpm, TpmError } from 'node-tpm2-tss-bindings';
import { softwareTpmHealth, softwareTpmSocket } from '../tpm/software-tpm-health.ts';
import { checkTpm } from './check-tpm.ts';
import { failure, fault, ok } from './check.ts';

const SUBJECT = 'TPM';
const COMMAND_TIMEOUT_MS = 5_000;
const PROGRAMS = ['swtpm', 'swtpm_setup'];

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
