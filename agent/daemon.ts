import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentStatus } from '@touchstone/schemas';
import { AppError, listenUnix, pinnedClient } from '@touchstone/transport';
import type { Logger } from 'pino';
import { agentError, codeOf } from './codes.ts';
import { type Attestation, deliverAttestation } from './evidence/deliver.ts';
import { Renewal } from './renew.ts';
import { agentEdge } from './socket/routes.ts';
import { HeldEnrolment } from './state/held-enrolment.ts';
import { readEnrolment, readKeyRecord } from './state/identity.ts';
import type { Attester } from './tpm/attester.ts';
import { Conversations } from './tpm/conversation.ts';
import { followBundles } from './trust-bundle.ts';

/** After a failure the next try comes sooner than the interval, and later each time up to it. */
const FIRST_RETRY_SECONDS = 2;
/** Spread over a tenth of the interval, so that a fleet that was started at once does not stay in step. */
const JITTER = 0.1;

export type DaemonOptions = {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly attester: Attester;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly ready: () => void;
};

/**
 * Attests at each interval and answers the unix socket until it is told to stop. It listens on no TCP
 * port.
 * @throws AppError NOT_ENROLLED
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { stateDir, socketPath, attester, log, stop } = options;
  const [enrolment, key] = await Promise.all([readEnrolment(stateDir), readKeyRecord(stateDir)]);
  if (enrolment === null || key === null || enrolment.akName !== key.akName) {
    throw agentError('NOT_ENROLLED', { detail: stateDir });
  }
  const client = pinnedClient({ url: enrolment.server, pin: enrolment.fingerprint });
  const held = new HeldEnrolment(stateDir, enrolment);
  let newestEpoch = 0;
  const onBundleEpoch = (epoch: number) => {
    newestEpoch = epoch;
  };
  const attestation: Attestation = { client, attester, key, onBundleEpoch };
  const conversations = new Conversations();
  const renewal = new Renewal(attestation, held, { conversations, log });
  let status: AgentStatus = {
    hostId: enrolment.hostId,
    class: enrolment.class,
    server: enrolment.server,
    state: null,
    verdict: null,
    lastAttestedAt: null,
    lastError: null,
  };
  const socket = await listenUnix(
    agentEdge({
      log,
      status: () => status,
      gate: {
        attestation,
        get enrolment() {
          return held.current;
        },
        conversations,
        log,
      },
    }),
    { path: socketPath, mode: 0o600 },
  );
  try {
    options.ready();
    let failures = 0;
    while (!stop.aborted) {
      try {
        await renewal.whenDue();
        const attest = () => deliverAttestation(attestation, held.current);
        const { state, verdict } = await conversations.hold('attest', attest);
        failures = 0;
        status = {
          ...status,
          state,
          verdict,
          lastAttestedAt: new Date().toISOString(),
          lastError: null,
        };
        log.info({ state, verdict }, 'attested');
        const { epoch } = held.current.trustBundle;
        if (newestEpoch > epoch) await followBundles(client, held);
        if (held.current.trustBundle.epoch > epoch) {
          log.info({ epoch: held.current.trustBundle.epoch }, 'trust bundle taken');
          // The next statement acknowledges it.
          continue;
        }
      } catch (error) {
        failures += 1;
        status = { ...status, lastError: { code: codeOf(error), detail: detailOf(error) } };
        log.warn({ err: error, failures }, 'attestation failed');
      }
      await pause(waitSeconds(failures, enrolment.intervalSeconds), stop);
    }
  } finally {
    await socket.close();
    await client.close();
  }
}

function waitSeconds(failures: number, intervalSeconds: number): number {
  const backoff = failures === 0 ? intervalSeconds : FIRST_RETRY_SECONDS * 2 ** (failures - 1);
  return Math.min(backoff, intervalSeconds) * (1 - JITTER + 2 * JITTER * Math.random());
}

const pause = (seconds: number, stop: AbortSignal): Promise<void> =>
  sleep(seconds * 1_000, undefined, { signal: stop }).catch(() => undefined);

function detailOf(error: unknown): string {
  const text = error instanceof AppError ? (error.detail ?? error.title) : String(error);
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 1_024);
}
