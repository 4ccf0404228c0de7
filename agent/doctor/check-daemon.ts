import { stat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentCheck, AgentStatus } from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import { AGENT_CODES, type AgentCode } from '../codes.ts';
import { failure, fault, ok, warning } from './check.ts';

const SUBJECT = 'agent';

export type DaemonChecks = { readonly checks: readonly AgentCheck[]; readonly answers: boolean };

/** Whether the agent answers at its socket, and what it knows. */
export async function checkDaemon(client: Client, enrolled: boolean): Promise<DaemonChecks> {
  let status: AgentStatus;
  try {
    status = await client.request({ method: 'GET', path: '/v1/status', schema: AgentStatus });
  } catch (error) {
    const away = error instanceof AppError && error.code === 'UNREACHABLE';
    if (!away) return { checks: [failure(SUBJECT, error)], answers: false };
    const check = enrolled
      ? fault('AGENT_UNAVAILABLE', SUBJECT, 'nobody listens at its socket')
      : ok(SUBJECT, 'does not run, and has nothing to do before enrolment');
    return { checks: [check], answers: false };
  }
  return { checks: [ofStatus(status)], answers: true };
}

function ofStatus({ state, lastError, lastAttestedAt }: AgentStatus): AgentCheck {
  if (lastError !== null) {
    const { code, detail } = lastError;
    const known = AGENT_CODES[code as AgentCode] as { readonly remedy: string } | undefined;
    const remedy = known?.remedy ?? 'The other lines say more; so does the agent’s log.';
    return {
      ...{ code, subject: SUBJECT, outcome: 'fault', remedy },
      detail: `the last attestation failed: ${detail}`.slice(0, 1_024),
    };
  }
  if (state === null) return ok(SUBJECT, 'runs, and is about to attest');
  const last = `${state} at ${lastAttestedAt}`;
  return state === 'trusted' ? ok(SUBJECT, last) : warning('HOST_NOT_TRUSTED', SUBJECT, last);
}

/**
 * Whether another process holds the state directory's lock. Looked up in proc_locks(5) and not tried: for as long as
 * it was tried, an agent could not start.
 */
export async function isLocked(stateDir: string): Promise<boolean> {
  try {
    const { ino } = await stat(join(stateDir, 'lock'));
    const locks = await readFile('/proc/locks', 'utf8');
    return locks.split('\n').some((line) => line.includes(' FLOCK ') && line.includes(`:${ino} `));
  } catch {
    return false;
  }
}
