import { join } from 'node:path';
import type { GateReport } from '@touchstone/schemas';
import { listenUnix } from '@touchstone/transport';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { withCourier } from './courier/with-courier.ts';
import { openEnrolledHost } from './enrolled-host.ts';
import { openStartGate, type StartGate } from './gate/starts.ts';
import { DigestCache } from './images/digest-cache.ts';
import { FileReader } from './images/file-reader.ts';
import { openLibvirtDoor } from './libvirt/door.ts';
import { broughtHook } from './libvirt/hook.ts';
import { libvirtAt } from './libvirt/libvirt.ts';
import type { Network } from './network.ts';
import { WaitingKeys } from './keys/waiting-keys.ts';
import { openProgramSockets } from './programs/program-sockets.ts';
import { prove } from './programs/prove.ts';
import { PROGRAMS_DIRECTORY } from './programs/settings.ts';
import { agentEdge } from './socket/routes.ts';
import { readBindingRecord } from './state/identity.ts';
import type { Attester } from './tpm/attester.ts';
import { keepWatch, type WatchDuties } from './watch/keep-watch.ts';
import { bootId, KeptRecord } from './watch/record.ts';
import { Watch } from './watch/watch.ts';

/** With the plan before it and a turn that has to be waited for, a start knows within 10 s that the server is away. */
const PATIENCE_MS = 6_000;

export type DaemonOptions = {
  readonly stateDir: string;
  readonly socketPath: string;
  /** Of a courier that runs; null where this agent starts one. */
  readonly courier: string | null;
  readonly attester: Attester;
  readonly config: Pick<AgentConfig, 'watch' | 'programs' | 'programsDirectory'>;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly ready: () => void;
};

/**
 * Attests at each interval and answers the unix socket until it is told to stop. It listens on no TCP
 * port.
 * @throws AppError NOT_ENROLLED
 */
export function runDaemon(options: DaemonOptions): Promise<void> {
  return withCourier(options, (network) => attestAndAnswer(options, network));
}

async function attestAndAnswer(options: DaemonOptions, network: Network): Promise<void> {
  const { stateDir, socketPath, attester, log, stop } = options;
  const record = await KeptRecord.open(stateDir, bootId());
  const watch = new Watch({
    roots: options.config.watch,
    record,
    brought: await broughtHook(socketPath),
    log,
    onNews: () => host.attesting.soon(),
  });
  const told = {
    report: () => watch.report(gate.decidedAlone()),
    answered: ({ decided }: GateReport) => {
      // VMs that are to start with the host wait for a verdict.
      watch.soon();
      gate.told(decided).catch((err: unknown) => log.warn({ err }, 'told, and told again'));
    },
  };
  const onOrders = () => watch.soon();
  const host = await openEnrolledHost(stateDir, { attester, network, log, told, onOrders });
  const { held, conversations, attesting, mandates } = host;
  const gate: StartGate = await openStartGate({
    stateDir,
    attestation: attesting.attestation,
    follow: () => attesting.follow(),
    rejoin: () => attesting.rejoin(),
    get enrolment() {
      return held.current;
    },
    conversations,
    mandates,
    binding: () => readBindingRecord(stateDir),
    patienceMs: PATIENCE_MS,
    log,
  });
  const cache = await DigestCache.open(join(stateDir, 'digests.json'));
  const reader = new FileReader({ cache, log });
  const libvirt = libvirtAt();
  const libvirtDoor = await openLibvirtDoor({
    ...{ stateDir, libvirt, gate, reader, watch, log },
  });
  const waitingKeys = new WaitingKeys();
  const standing = async () => {
    await watch.look();
    const observe = await mandates.observing();
    const until = observe === null ? null : new Date(observe['touchstone.until'] * 1_000);
    return watch.standing({ licences: mandates.licences.length, observesUntil: until });
  };
  const parts = { standing, attesting, attester, conversations, gate, reader, watch, waitingKeys };
  const edge = agentEdge({ log, ...parts, libvirtDoor });
  const socket = await listenUnix(edge, {
    path: socketPath,
    mode: 0o600,
  });
  const { programs = [], programsDirectory: directory = PROGRAMS_DIRECTORY } = options.config;
  const prover = { attester, conversations, key: host.attestation.key };
  const answers = {
    result: () => attesting.result,
    prove: (nonce: string) => prove({ ...prover, enrolment: held.current }, nonce),
  };
  const forPrograms = await openProgramSockets({ directory, programs, answers, log });
  try {
    options.ready();
    await watch.look();
    const duties: WatchDuties = {
      ...{ watch, record, mandates, settings: options.config.watch, libvirt, log },
      ...{ client: host.client, hostId: held.current.hostId },
      isTrusted: () => {
        const { state, lastError } = attesting.status;
        return state === 'trusted' && lastError === null;
      },
      quotedBoot: () => {
        const { lastQuote, tpm } = attester;
        if (tpm.kind !== 'device' || lastQuote === null) return null;
        return { akName: host.attestation.key.akName, resetCount: lastQuote.resetCount };
      },
    };
    await Promise.all([attesting.until(stop), keepWatch(duties, stop)]);
  } finally {
    await forPrograms.close();
    await socket.close();
    waitingKeys.close();
    await host.client.close();
  }
}
