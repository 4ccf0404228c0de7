import { createHash } from 'node:crypto';
import {
  ChallengeAnswer,
  type ChallengePurpose,
  EvidenceAnswer,
  type Evidence,
  type GateReport,
  type ImaPosition,
  type StartRequest,
} from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import type { Network } from '../network.ts';
import type { Enrolment, KeyRecord } from '../state/identity.ts';
import type { Attester } from '../tpm/attester.ts';
import { buildEvidence } from './build.ts';
import type { Mandates } from '../gate/mandates.ts';
import { untilGivenWay } from './give-way.ts';
import type { LastPolicy } from './last-policy.ts';

const MAX_TRIES = 3;

/** Codes after which the agent starts over with a new challenge: nothing was decided. */
const START_OVER = new Set([
  'EVIDENCE_SUPERSEDED',
  'CHALLENGE_EXPIRED',
  'IMA_LIST_ELSEWHERE',
  'IMA_LOG_MISMATCH',
]);

/** `answered`: that report arrived. */
export type ToldOfGate = {
  report(): GateReport | undefined;
  answered(report: GateReport): void;
};

export type Attestation = {
  readonly client: Client;
  /** By which others are reached: the CA, and a server whose key is not known. */
  readonly network: Network;
  readonly attester: Attester;
  readonly key: KeyRecord;
  /** Told the newest epoch with each challenge. */
  readonly onBundleEpoch?: (epoch: number) => void;
  /** The server asks for a new AK certificate. */
  readonly onRenew?: () => void;
  /** What the last results said of themselves. */
  readonly judgedBy?: LastPolicy;
  /** What the host tells of its gate, each time that it attests. */
  readonly told?: ToldOfGate;
  /** What the server signed for the time in which it may not be asked. */
  readonly mandates?: Mandates;
};

/** `quoteMs`: what the TPM took for its quote. */
type AnsweredChallenge = {
  readonly challenge: string;
  readonly evidence: Evidence;
  readonly quoteMs: number;
};

/** A challenge, and the evidence that answers it. `given`: a challenge that this host has already. */
export async function answerChallenge(
  { client, attester, key, onBundleEpoch, onRenew, judgedBy }: Omit<Attestation, 'network'>,
  options: {
    readonly purpose: ChallengePurpose;
    readonly hostId: string | null;
    readonly bundleEpoch: number;
    readonly permits?: readonly StartRequest[];
    readonly gate?: GateReport | undefined;
    readonly sessionNonce?: string;
  },
  given?: ChallengeAnswer,
): Promise<AnsweredChallenge> {
  const { challenge, selection, bundleEpoch, renew } =
    given ??
    (await client.request({
      method: 'POST',
      path: '/v1/challenges',
      body: { akName: key.akName, purpose: options.purpose },
      schema: ChallengeAnswer,
    }));
  onBundleEpoch?.(bundleEpoch);
  if (renew === true) onRenew?.();
  const evidence = await buildEvidence(attester, key, {
    ...{ ...options, challenge, selection },
    policyId: judgedBy?.id,
  });
  return { challenge, evidence, quoteMs: attester.lastQuoteMs };
}

/** Where the server is in IMA's list: the next evidence begins there, whatever came of this. */
export function hearPosition({ attester }: Attestation, ima: ImaPosition | undefined): void {
  if (ima !== undefined) attester.imaList?.goTo(ima.nextEntry);
}

/** `digest`: of the evidence that was answered, as results name it. `gate`: what it told of the gate. */
export type Delivered = {
  readonly answer: EvidenceAnswer;
  readonly digest: string;
  readonly gate: GateReport | undefined;
};

/**
 * Evidence of purpose `attest`. What the answer says outside its result nobody vouches for; a refusal counts at once.
 * While a VM waits for its start `giveWay` ends the waiting for the server.
 */
export async function deliverAttestation(
  attestation: Attestation,
  enrolment: Enrolment,
  giveWay?: AbortSignal,
): Promise<Delivered> {
  const { client: whole, mandates, judgedBy } = attestation;
  const client = giveWay === undefined ? whole : untilGivenWay(whole, giveWay);
  try {
    const delivered = await delivery({ ...attestation, client }, enrolment);
    judgedBy?.hear(delivered.answer.result);
    return delivered;
  } catch (error) {
    await mandates?.hearRefusal(error);
    throw error;
  }
}

/** Challenge, evidence and delivery; over again, a bounded number of times, where nothing was decided. */
async function delivery(attestation: Attestation, enrolment: Enrolment): Promise<Delivered> {
  const [path, schema] = ['/v1/evidence', EvidenceAnswer] as const;
  for (let attempt = 1; ; attempt += 1) {
    const gate = attestation.told?.report();
    const { evidence } = await answerChallenge(attestation, {
      purpose: 'attest',
      gate,
      hostId: enrolment.hostId,
      bundleEpoch: enrolment.trustBundle.epoch,
    });
    try {
      const { client } = attestation;
      const answer = await client.request({ method: 'POST', path, body: evidence, schema });
      hearPosition(attestation, answer.ima);
      const attest = Buffer.from(evidence.quote.attest, 'base64url');
      return { answer, gate, digest: createHash('sha256').update(attest).digest('hex') };
    } catch (error) {
      if (error instanceof AppError) hearPosition(attestation, error.ima);
      const again = error instanceof AppError && START_OVER.has(error.code);
      if (!again || attempt === MAX_TRIES) throw error;
    }
  }
}
