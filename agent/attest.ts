import { dirname } from 'node:path';
import { decodeJwt } from 'jose';
import { pino } from 'pino';
import {
  checkAgainst,
  EvidenceAnswer,
  type Finding,
  type HostState,
  ResultClaims,
  type Verdict,
} from '@touchstone/schemas';
import { AppError, ProblemError, unixClient } from '@touchstone/transport';
import { openEnrolledHost } from './enrolled-host.ts';
import { withCourier } from './courier/with-courier.ts';
import { requireOwnDirectory } from './state/state-directory.ts';
import type { Attester } from './tpm/attester.ts';

/** A hung TPM, an absent server and a renewal beforehand are each bounded by themselves. */
const ANSWER_TIMEOUT_MS = 120_000;

export type Attested = {
  readonly hostId: string;
  readonly state: HostState;
  readonly verdict: Verdict;
  /** For show: what the server decided is at the server. */
  readonly findings: readonly Finding[];
};

/** By the agent that runs: its TPM conversation is the only one. Null where none does. */
export async function attestByDaemon(socketPath: string): Promise<Attested | null> {
  await requireOwnDirectory(dirname(socketPath));
  const client = unixClient({ path: socketPath, timeoutMs: ANSWER_TIMEOUT_MS });
  try {
    const to = { method: 'POST', path: '/v1/attestations', body: {} } as const;
    return attested(await client.request({ ...to, schema: EvidenceAnswer }));
  } catch (error) {
    // Not what the agent answered: it may say that its server is unreachable.
    if (!(error instanceof ProblemError) && isUnreachable(error)) return null;
    throw error;
  } finally {
    await client.close();
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'UNREACHABLE';

/** By this process, which holds the state directory. */
export async function attestHere(stateDir: string, attester: Attester): Promise<Attested> {
  const log = pino({ level: 'silent' });
  return withCourier({ stateDir, courier: null, log }, async (network) => {
    const { client, attesting } = await openEnrolledHost(stateDir, { attester, network, log });
    try {
      return attested(await attesting.now());
    } finally {
      await client.close();
    }
  });
}

function attested({ result, state, verdict }: EvidenceAnswer): Attested {
  const { sub, submods } = checkAgainst(ResultClaims, decodeJwt(result));
  return { hostId: sub, state, verdict, findings: submods.host['touchstone.findings'] };
}
