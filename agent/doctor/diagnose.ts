import type { AgentCheck } from '@touchstone/schemas';
import { type Client, pinnedClient, unixClient } from '@touchstone/transport';
import type { Machine } from '../tpm/host-tpm.ts';
import { type Enrolment, readEnrolment, readKeyRecord } from '../state/identity.ts';
import { caPinsOf, serverPinsOf } from '../tls-pins.ts';
import { checkCertificate, checkEnrolment } from './check-certificate.ts';
import { checkClock } from './check-clock.ts';
import { checkDaemon, isLocked } from './check-daemon.ts';
import { checkPeer } from './check-network.ts';
import { checkLibvirt } from './check-libvirt.ts';
import { checkState } from './check-state.ts';
import { checkTrustBundle } from './check-trust.ts';
import { bounded } from './check.ts';
import { checkPassedOver, lookAtOwn, lookByAgent, notLookedAt } from './look-at-tpm.ts';

const GROUP_TIMEOUT_MS = 30_000;
/** With a TPM that hangs, whose user has to find out first. */
const TPM_TIMEOUT_MS = 60_000;
const SOCKET_TIMEOUT_MS = 5_000;

export type Patient = {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly searchPath: string;
  readonly machine: Machine;
};

/** Everything that this host's proof needs. Nothing is changed, and each group of checks is bounded in time. */
export async function diagnose(patient: Patient): Promise<AgentCheck[]> {
  const { stateDir, socketPath } = patient;
  const state = await bounded('state directory', GROUP_TIMEOUT_MS, () => checkState(stateDir));
  // Who may not look in would be told that nothing is there.
  if (state.some(({ code }) => code === 'STATE_UNREADABLE')) return [...state];
  // What cannot be read is for checkState to say.
  const [key, enrolment] = (await Promise.all(
    [readKeyRecord(stateDir), readEnrolment(stateDir)].map((read) => read.catch(() => null)),
  )) as [Awaited<ReturnType<typeof readKeyRecord>>, Enrolment | null];
  const groups = await Promise.all([
    Promise.resolve(state),
    bounded('enrolment', GROUP_TIMEOUT_MS, () =>
      Promise.resolve([
        checkEnrolment(key, enrolment),
        ...(enrolment?.certificates.slice(0, 1) ?? []).map((pem) =>
          checkCertificate(pem, new Date()),
        ),
      ]),
    ),
    bounded('agent', TPM_TIMEOUT_MS + GROUP_TIMEOUT_MS, () =>
      checkAgentAndTpm(patient, enrolment !== null),
    ),
    bounded('libvirt', GROUP_TIMEOUT_MS, () => checkLibvirt(socketPath)),
    ...(enrolment === null
      ? []
      : [
          bounded('server', GROUP_TIMEOUT_MS, () => checkServer(enrolment)),
          bounded('CA', GROUP_TIMEOUT_MS, async () => {
            const { url } = enrolment.trustBundle.ca;
            const pins = caPinsOf(enrolment.trustBundle);
            return (await checkPeer({ name: 'CA', url, pins })).checks;
          }),
        ]),
  ]);
  return groups.flat();
}

async function checkAgentAndTpm(patient: Patient, enrolled: boolean): Promise<AgentCheck[]> {
  const { stateDir, socketPath, machine } = patient;
  const client = unixClient({ path: socketPath, timeoutMs: SOCKET_TIMEOUT_MS });
  try {
    const { checks, answers } = await checkDaemon(client, enrolled);
    const look = async () => {
      if (answers) return lookByAgent(client);
      return (await isLocked(stateDir)) ? [notLookedAt()] : lookAtOwn(patient);
    };
    const passedOver = () => checkPassedOver(stateDir, machine);
    return [
      ...checks,
      ...(await bounded('TPM', TPM_TIMEOUT_MS, look)),
      ...(await bounded('TPM', GROUP_TIMEOUT_MS, passedOver)),
    ];
  } finally {
    await client.close();
  }
}

async function checkServer(enrolment: Enrolment): Promise<AgentCheck[]> {
  const { server: url, trustBundle } = enrolment;
  const pins = serverPinsOf(enrolment);
  const { checks, date } = await checkPeer({ name: 'server', url, pins, readyPath: '/v1/ready' });
  let client: Client | null = null;
  try {
    if (date !== null)
      client = pinnedClient({ url, pin: () => pins, timeoutMs: SOCKET_TIMEOUT_MS });
    const now = new Date();
    const bundle = await checkTrustBundle(trustBundle, client, now);
    return [...checks, checkClock(now, date), ...bundle];
  } finally {
    await client?.close();
  }
}
