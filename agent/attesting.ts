import type { AgentStatus, EvidenceAnswer, ResultAnswer, ResultClaims } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { Bell } from './bell.ts';
import { codeOf, detailOf } from './codes.ts';
import { type Attestation, type Delivered, deliverAttestation } from './evidence/deliver.ts';
import { verifyResult } from './evidence/result.ts';
import { Renewal } from './renew.ts';
import { secondsToNext, secondsToRetry } from './schedule.ts';
import type { ServerTime } from './server-time.ts';
import type { HeldEnrolment } from './state/held-enrolment.ts';
import { akKindOf } from './tpm/attestation-key.ts';
import type { Conversations } from './tpm/conversation.ts';
import { followBundles, followFromAnyone } from './trust-bundle.ts';

/** Of IMA's list, in one turn: some hundred thousand entries. */
const MAX_SEGMENTS = 64;

/** Between one attestation and another that something new asks for. */
const SOONEST_MS = 10_000;

/** Whoever issued this host's certificate is believed no more. */
const ISSUER_LOST = new Set(['AK_CERT_ISSUER_REFUSED', 'AK_CERT_ISSUER_UNKNOWN']);

/** Attests when it is time and when it is asked to, one after the other, and remembers how it went. */
export class Attesting {
  readonly #attestation: Attestation;
  readonly #held: HeldEnrolment;
  readonly #conversations: Conversations;
  readonly #log: Logger;
  readonly #renewal: Renewal;
  readonly #tpm: AgentStatus['tpm'];
  readonly #bell = new Bell();
  #newestEpoch = 0;
  #following: Promise<void> | undefined;
  #last: Pick<AgentStatus, 'state' | 'verdict' | 'lastAttestedAt' | 'lastError'> = {
    state: null,
    verdict: null,
    lastAttestedAt: null,
    lastError: null,
  };
  #result: ResultAnswer | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(
    attestation: Attestation,
    held: HeldEnrolment,
    by: {
      readonly conversations: Conversations;
      readonly serverTime: ServerTime;
      readonly log: Logger;
    },
  ) {
    const onBundleEpoch = (epoch: number) => {
      this.#newestEpoch = epoch;
    };
    const onRenew = () => this.#renewal.ask();
    this.#attestation = { ...attestation, onBundleEpoch, onRenew };
    this.#held = held;
    const { tpm, ek } = attestation.attester;
    const device = tpm.kind === 'device' ? tpm.path : null;
    this.#tpm = { device, ek, ak: akKindOf(attestation.key) };
    this.#conversations = by.conversations;
    this.#log = by.log;
    this.#renewal = new Renewal(this.#attestation, held, by);
  }

  get status(): AgentStatus {
    const { hostId, class: assuranceClass, server } = this.#held.current;
    return { hostId, class: assuranceClass, tpm: this.#tpm, server, ...this.#last };
  }

  /** As the server signed it last, and when that came. */
  get result(): ResultAnswer | null {
    return this.#result;
  }

  /** With which newer bundles are heard of. */
  get attestation(): Attestation {
    return this.#attestation;
  }

  /** Takes the newer trust bundles, if the server has named one. Of two who ask at once, one goes. */
  async follow(): Promise<void> {
    if (this.#newestEpoch <= this.#held.current.trustBundle.epoch) return;
    this.#following ??= followBundles(this.#attestation.client, this.#held).finally(() => {
      this.#following = undefined;
    });
    await this.#following;
    this.#log.info({ epoch: this.#held.current.trustBundle.epoch }, 'trust bundle taken');
  }

  /**
   * After a connection to a key that is not known here. True: newer trust bundles came, which may know it.
   */
  async rejoin(): Promise<boolean> {
    const { epoch } = this.#held.current.trustBundle;
    this.#following ??= followFromAnyone(this.#attestation.network, this.#held).finally(() => {
      this.#following = undefined;
    });
    await this.#following.catch((err: unknown) =>
      this.#log.warn({ err }, 'the server shows an unknown key, and no trust bundle says why'),
    );
    const now = this.#held.current.trustBundle.epoch;
    if (now > epoch) this.#log.info({ epoch: now }, 'trust bundle taken');
    return now > epoch;
  }

  /** One attestation, after what was asked for before it. @throws what the TPM, the CA or the server refused */
  now(): Promise<EvidenceAnswer> {
    const turn = this.#tail.then(() => this.#onceOrAgain());
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** There is something new to tell: the next attestation comes at once, or 10 s after the last one began. */
  soon(): void {
    this.#bell.ring();
  }

  /** At each interval until it is told to stop; after a failure sooner, and later each time. */
  async until(stop: AbortSignal): Promise<void> {
    let { intervalSeconds } = this.#held.current;
    let failures = 0;
    let first = true;
    while (!stop.aborted) {
      let seconds: number;
      const began = performance.now();
      const random = Math.random();
      try {
        ({ intervalSeconds } = await this.now());
        seconds = secondsToNext({ intervalSeconds, first, random });
        failures = 0;
        first = false;
      } catch (error) {
        failures += 1;
        const { retryAfterSeconds } = error instanceof AppError ? error : {};
        seconds = secondsToRetry({ failures, intervalSeconds, retryAfterSeconds, random });
        this.#log.warn({ err: error, failures, retryInSeconds: seconds }, 'attestation failed');
      }
      const least = Math.min(began + SOONEST_MS - performance.now(), seconds * 1_000);
      await this.#bell.wait({ atLeastMs: least, atMostMs: seconds * 1_000 }, stop);
    }
  }

  /** A host that was away while TLS keys changed learns of them first. */
  async #onceOrAgain(): Promise<EvidenceAnswer> {
    try {
      return await this.#once();
    } catch (error) {
      if (codeOf(error) !== 'PIN_MISMATCH' || !(await this.rejoin())) throw error;
      return this.#once();
    }
  }

  async #once(): Promise<EvidenceAnswer> {
    try {
      await this.#renewal.whenDue();
      const { epoch } = this.#held.current.trustBundle;
      let answer = await this.#attest();
      if (this.#newestEpoch > epoch) {
        await this.follow();
        // The next statement acknowledges it.
        answer = await this.#attest();
      }
      await this.#renewal.whenAsked();
      return answer;
    } catch (error) {
      const lastError = { code: codeOf(error), detail: detailOf(error) };
      if (lastError.code === 'AK_CERT_EXPIRED') this.#renewal.atOnce();
      if (ISSUER_LOST.has(lastError.code)) this.#renewal.ask();
      this.#last = { ...this.#last, lastError };
      throw error;
    }
  }

  /** A list that is longer than one piece of evidence goes in several; between them whoever starts a VM has its turn. */
  async #throughTheList<T>(attest: () => Promise<T>): Promise<T> {
    for (let segments = 1; ; segments += 1) {
      try {
        return await attest();
      } catch (error) {
        const goesOn = error instanceof AppError && error.code === 'IMA_LIST_CONTINUES';
        if (!goesOn || segments === MAX_SEGMENTS) throw error;
      }
    }
  }

  async #attest(): Promise<EvidenceAnswer> {
    const attest = (giveWay: AbortSignal) =>
      deliverAttestation(this.#attestation, this.#held.current, giveWay);
    const delivered = await this.#throughTheList(() => this.#conversations.hold('attest', attest));
    const { host } = (await this.#resultOf(delivered)).submods;
    const [state, verdict] = [host['touchstone.state'], host['ear.status']];
    const { mandates } = delivered.answer;
    await this.#attestation.mandates?.hear({ state, verdict, ...(mandates && { mandates }) });
    if (delivered.gate !== undefined) this.#attestation.told?.answered(delivered.gate);
    const lastAttestedAt = new Date().toISOString();
    this.#last = { state, verdict, lastAttestedAt, lastError: null };
    this.#result = { result: delivered.answer.result, receivedAt: lastAttestedAt };
    this.#log.info({ state, verdict }, 'attested');
    return { ...delivered.answer, state, verdict };
  }

  /** The server may sign by a key that only a newer trust bundle names. @throws AppError RESULT_INVALID */
  async #resultOf({ answer, digest: evidence }: Delivered): Promise<ResultClaims> {
    const verified = () => {
      const { hostId, akName, trustBundle } = this.#held.current;
      return verifyResult(answer.result, trustBundle, { hostId, akName, evidence });
    };
    try {
      return await verified();
    } catch (error) {
      if (this.#newestEpoch <= this.#held.current.trustBundle.epoch) throw error;
      await this.follow();
      return verified();
    }
  }
}
