import type { Client } from '@touchstone/transport';
import type { Logger } from 'pino';
import { Attesting } from './attesting.ts';
import { agentError } from './codes.ts';
import type { Attestation, ToldOfGate } from './evidence/deliver.ts';
import { Mandates } from './gate/mandates.ts';
import { LastPolicy } from './evidence/last-policy.ts';
import type { Network } from './network.ts';
import { ServerTime } from './server-time.ts';
import { serverPinsOf, settlePin } from './tls-pins.ts';
import { HeldEnrolment } from './state/held-enrolment.ts';
import { readEnrolment, readKeyRecord } from './state/identity.ts';
import type { Attester } from './tpm/attester.ts';
import { Conversations } from './tpm/conversation.ts';

/** A host that is enrolled, with what it proves itself by. Whoever opens it closes the client. */
export type EnrolledHost = {
  readonly held: HeldEnrolment;
  readonly client: Client;
  readonly attestation: Attestation;
  readonly conversations: Conversations;
  readonly attesting: Attesting;
  readonly mandates: Mandates;
};

/** @throws AppError NOT_ENROLLED, STATE_MALFORMED */
export async function openEnrolledHost(
  stateDir: string,
  {
    attester,
    network,
    log,
    told,
    onOrders,
  }: {
    readonly attester: Attester;
    readonly network: Network;
    readonly log: Logger;
    readonly told?: ToldOfGate;
    readonly onOrders?: () => void;
  },
): Promise<EnrolledHost> {
  const [enrolment, key] = await Promise.all([readEnrolment(stateDir), readKeyRecord(stateDir)]);
  if (enrolment === null || key === null || enrolment.akName !== key.akName) {
    throw agentError('NOT_ENROLLED', { detail: stateDir });
  }
  const serverTime = new ServerTime();
  const held = new HeldEnrolment(stateDir, enrolment);
  const client = network.pinned({
    url: enrolment.server,
    pin: () => serverPinsOf(held.current),
    onPin: (pin) => settlePin(held, pin, log),
    onDate: (date) => serverTime.hear(date),
  });
  const lastQuote = () => attester.lastQuote;
  const mandates = await Mandates.open(stateDir, held, {
    ...{ serverTime, lastQuote, log },
    ...(onOrders && { onOrders }),
  });
  const judgedBy = new LastPolicy();
  const by = { client, network, attester, key, judgedBy, mandates };
  const attestation: Attestation = told === undefined ? by : { ...by, told };
  const conversations = new Conversations();
  const attesting = new Attesting(attestation, held, { conversations, serverTime, log });
  return { held, client, attestation, conversations, attesting, mandates };
}
