import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { StartAnswer, type StartQuestion } from '@touchstone/schemas';
import { type Client, listenUnix, pinnedClient, unixClient } from '@touchstone/transport';
import { type Attestation, deliverAttestation } from '../evidence/deliver.ts';
import { ownNetwork } from '../network.ts';
import { FileReader } from '../images/file-reader.ts';
import { Mandates } from '../gate/mandates.ts';
import { openStartGate, type StartGate } from '../gate/starts.ts';
import { WaitingKeys } from '../keys/waiting-keys.ts';
import { ServerTime } from '../server-time.ts';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import { openLibvirtDoor } from '../libvirt/door.ts';
import { libvirtAt } from '../libvirt/libvirt.ts';
import { agentEdge } from '../socket/routes.ts';
import type { Enrolment, KeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { Conversations } from '../tpm/conversation.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';
import { enrolmentAt, startVerifier, type Verifier } from './support/verifier.ts';

/** How long the gate waits for the test's verifier. */
const TIMEOUT_MS = 1_000;

export type GateAtSocket = {
  readonly host: Hypervisor;
  readonly verifier: Verifier;
  readonly enrolment: Enrolment;
  readonly key: KeyRecord;
  readonly attestation: Attestation;
  readonly conversations: Conversations;
  readonly mandates: Mandates;
  readonly gate: StartGate;
  readonly socketPath: string;
  /** At the socket. */
  readonly client: Client;
  readonly log: string[];
  readonly vm: string;
  question(): StartQuestion;
  /** What happens while newer trust bundles are looked for. */
  following(work: () => Promise<void>): void;
  ask(body?: unknown): Promise<StartAnswer>;
  close(): Promise<void>;
};

/** The start gate behind its socket: a real software TPM beneath, real TLS to a verifier of the test's. */
export async function startGateAtSocket(): Promise<GateAtSocket> {
  const host = await makeHypervisor();
  const verifier = await startVerifier();
  const attester = new Attester(host.stateDir, [{ pcr: 8, commandLine: '/proc/cmdline' }]);
  const key = await attester.createKey();
  const enrolment = enrolmentAt(verifier, key);
  const { url, pin } = verifier;
  const server = pinnedClient({ url, pin, timeoutMs: TIMEOUT_MS });
  const held = new HeldEnrolment(host.stateDir, enrolment);
  const serverTime = new ServerTime();
  const lastQuote = () => attester.lastQuote;
  const conversations = new Conversations();
  const log: string[] = [];
  const logger = pino({}, { write: (line) => void log.push(line) });
  let whileFollowing = async (): Promise<void> => {};
  const follow = () => whileFollowing();
  const rejoin = () => Promise.resolve(false);
  const mandates = await Mandates.open(host.stateDir, held, { serverTime, lastQuote, log: logger });
  const attestation = { client: server, network: ownNetwork, attester, key, mandates };
  const gate = await openStartGate({
    ...{ stateDir: host.stateDir, attestation, follow, rejoin, enrolment, conversations, mandates },
    ...{ binding: () => Promise.resolve(null), patienceMs: TIMEOUT_MS, log: logger },
  });
  const { hostId } = enrolment;
  const status = {
    hostId,
    class: 'software' as const,
    tpm: { device: null, ek: null, ak: 'ecc-p256' as const },
    server: url,
    state: null,
    verdict: null,
    lastAttestedAt: null,
    lastError: null,
  };
  const attesting = {
    status,
    now: async () => (await deliverAttestation(attestation, enrolment)).answer,
  };
  const socketPath = join(host.stateDir, 'agent.sock');
  const reader = new FileReader();
  const watch = {
    permitted: async () => {},
    refused: async () => {},
    heard: async () => {},
    isUnseen: () => true,
    tell: () => {},
  };
  const libvirtDoor = await openLibvirtDoor({
    ...{ stateDir: host.stateDir, libvirt: libvirtAt(), gate, reader, watch, log: logger },
  });
  const standing = () => Promise.resolve(undefined);
  const edge = agentEdge({
    ...{ log: logger, attesting, attester, conversations, gate, reader, watch },
    libvirtDoor,
    waitingKeys: new WaitingKeys(),
    standing,
  });
  const socket = await listenUnix(edge, { path: socketPath, mode: 0o600 });
  const client = unixClient({ path: socketPath });
  await writeFile(join(host.stateDir, 'disk.img'), 'disk');

  const vm = randomUUID();
  const question = (): StartQuestion => ({
    vm,
    operation: 'start',
    workingDirectory: host.stateDir,
    command: ['/bin/true', 'disk.img'],
    environment: {},
  });
  return {
    ...{ host, verifier, enrolment, key, attestation, conversations, mandates, gate },
    ...{ socketPath, client, log, vm },
    question,
    following: (work) => {
      whileFollowing = work;
    },
    ask: (body = question()) =>
      client.request({ method: 'POST', path: '/v1/starts', body, schema: StartAnswer }),
    close: async () => {
      await client.close();
      await socket.close();
      await server.close();
      await attester.close();
      await verifier.close();
      await host.remove();
    },
  };
}
