import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { Type } from 'typebox';
import {
  BootCounters,
  closed,
  type EvidenceAnswer,
  type HostState,
  type LicenceClaims,
  Mandates as MandatesSchema,
  ObserveClaims,
  OrdersClaims,
  type PermitsAnswer,
} from '@touchstone/schemas';
import type { Logger } from 'pino';
import type { ServerTime } from '../server-time.ts';
import type { HeldEnrolment } from '../state/held-enrolment.ts';
import { Kept } from '../state/kept.ts';
import { bootOfLicence, type ClockNow, isLater, verifyLicence } from './licence.ts';
import { isRefusal } from './without-verdict.ts';
import { readSignedClaims } from './signed-claims.ts';

const KeptMandates = closed({
  schema: Type.Literal('touchstone/agent-mandates/1'),
  mandates: MandatesSchema,
  voided: Type.Union([BootCounters, Type.Null()]),
  /** Seconds since 1970, the newest that the server told. */
  serverTime: Type.Integer({ minimum: 0 }),
});

const NONE: Type.Static<typeof KeptMandates> = {
  schema: 'touchstone/agent-mandates/1',
  mandates: { licences: [], orders: null, observe: null },
  voided: null,
  serverTime: 0,
};

/** By which observe mode may be longer after the agent and its server were both away. */
const SERVER_TIME_STEP_SECONDS = 600;

export type MandatesSurroundings = {
  readonly serverTime: ServerTime;
  /** The counters of the last quote of this process. */
  readonly lastQuote: () => ClockNow | null;
  readonly log: Logger;
  /** There are newer orders, whichever answer they came with. */
  readonly onOrders?: () => void;
};

type Judged = Pick<EvidenceAnswer | PermitsAnswer, 'state' | 'verdict' | 'mandates'>;

/**
 * What the server signed for the time in which it may not be asked: licences, orders, observe mode. Each is believed for
 * its signature alone, and only when it is used; what is negative counts at once, whoever says it, and is on the disk
 * before anything else happens.
 */
export class Mandates {
  readonly #kept: Kept<typeof KeptMandates>;
  readonly #held: HeldEnrolment;
  readonly #serverTime: ServerTime;
  readonly #lastQuote: () => ClockNow | null;
  readonly #log: Logger;
  readonly #onOrders: () => void;
  #orders: OrdersClaims | null = null;

  private constructor(
    kept: Kept<typeof KeptMandates>,
    held: HeldEnrolment,
    by: MandatesSurroundings,
  ) {
    this.#kept = kept;
    this.#held = held;
    this.#serverTime = by.serverTime;
    this.#lastQuote = by.lastQuote;
    this.#log = by.log;
    this.#onOrders = by.onOrders ?? (() => {});
  }

  /** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open(
    stateDir: string,
    held: HeldEnrolment,
    by: MandatesSurroundings,
  ): Promise<Mandates> {
    const kept = await Kept.open(join(stateDir, 'mandates.json'), KeptMandates, NONE);
    const mandates = new Mandates(kept, held, by);
    const { orders } = kept.value.mandates;
    if (orders !== null) mandates.#orders = await mandates.#readOrders(orders).catch(() => null);
    return mandates;
  }

  /** The newest that were heard, verified. */
  get orders(): OrdersClaims | null {
    return this.#orders;
  }

  /** As they are held; whether each counts is seen when it is used. */
  get licences(): readonly string[] {
    return this.#kept.value.mandates.licences;
  }

  /** An answer to evidence. Rejects where what it says cannot be kept. */
  async hear({ state, verdict, mandates }: Judged): Promise<void> {
    const good = state === 'trusted' && (verdict === 'affirming' || verdict === 'warning');
    if (!good) await this.void(`state ${state}, verdict ${verdict}`, observeIn(state));
    if (mandates === undefined) return;
    const { value } = this.#kept;
    const licences = good ? mandates.licences : [];
    const next = { ...value.mandates, licences, observe: mandates.observe };
    await this.#change({ ...value, mandates: next });
    if (mandates.orders !== null) await this.hearOrders(mandates.orders);
  }

  /**
   * The orders that count from now on: these, if they are sound and newer than what is held. They are believed for their
   * signature, wherever they come from.
   */
  async hearOrders(token: string): Promise<OrdersClaims | null> {
    if (token === this.#kept.value.mandates.orders) return this.#orders;
    const orders = await this.#readOrders(token).catch((err: unknown) => {
      this.#log.warn({ err }, 'orders that are none of this host’s server');
      return null;
    });
    const held = this.#orders?.['touchstone.sequence'] ?? -1;
    if (orders === null || orders['touchstone.sequence'] < held) return this.#orders;
    this.#orders = orders;
    const state = orders['touchstone.state'];
    if (state !== 'trusted') await this.void(`orders: state ${state}`, observeIn(state));
    const { value } = this.#kept;
    await this.#change({ ...value, mandates: { ...value.mandates, orders: token } });
    this.#onOrders();
    return orders;
  }

  /** A failure that the server had reason for: it does not take this host's evidence. */
  async hearRefusal(error: unknown): Promise<void> {
    if (isRefusal(error)) await this.void(error.code, { observe: null });
  }

  /**
   * Something negative about this host: no licence that stands on evidence until now counts any more. Nor does observe
   * mode where the server would give it nothing in that mode either, until it does again.
   */
  async void(reason: string, ended: { readonly observe?: null } = {}): Promise<void> {
    const { value } = this.#kept;
    const { licences } = value.mandates;
    const quote = this.#lastQuote();
    const voided = quote === null ? value.voided : { ...quote, clock: quote.clock.toString() };
    if (licences.length > 0) this.#log.warn({ reason }, 'standing licences are void');
    const mandates = { ...value.mandates, licences: [], ...ended };
    await this.#change({ ...value, mandates, voided });
    if (quote === null) await this.#voidAll(licences);
  }

  /** Before the first quote of this process nothing but the licences themselves tells what they stand on. */
  async #voidAll(licences: readonly string[]): Promise<void> {
    const { trustBundle } = this.#held.current;
    for (const token of licences) {
      const boot = await bootOfLicence(token, trustBundle).catch(() => null);
      const { value } = this.#kept;
      if (boot !== null && isLater(boot, value.voided)) {
        await this.#change({ ...value, voided: boot });
      }
    }
  }

  /** The server refused this VM: what it said of it before counts no more. */
  async voidVm(vm: string): Promise<void> {
    const { value } = this.#kept;
    const licences = value.mandates.licences.filter((token) => vmIn(token) !== vm);
    if (licences.length === value.mandates.licences.length) return;
    await this.#change({ ...value, mandates: { ...value.mandates, licences } });
  }

  /**
   * The licence by which this VM may start now, where no verdict can be had; null where none is held for it.
   * @throws AppError LICENCE_VOID
   */
  async licenceFor(asked: {
    readonly vm: string;
    readonly definitionDigest: string;
    readonly now: ClockNow;
  }): Promise<LicenceClaims | null> {
    const { hostId, akName, trustBundle } = this.#held.current;
    const { voided } = this.#kept.value;
    let reason: unknown = null;
    for (const token of this.licences.filter((licence) => vmIn(licence) === asked.vm)) {
      try {
        return await verifyLicence(token, trustBundle, { ...asked, hostId, akName, voided });
      } catch (error) {
        reason = error;
      }
    }
    if (reason !== null) throw reason;
    return null;
  }

  /** Observe mode, while it lasts: by this machine's clock and by the server's, whichever is later. */
  async observing(): Promise<ObserveClaims | null> {
    const { observe } = this.#kept.value.mandates;
    if (observe === null) return null;
    try {
      const { hostId, akName, trustBundle } = this.#held.current;
      const claims = await readSignedClaims(observe, trustBundle, {
        typ: 'touchstone-observe+jwt',
        schema: ObserveClaims,
      });
      const mine = claims.aud === akName && claims['touchstone.host'] === hostId;
      const now = Math.max(Date.now() / 1_000, this.#serverSeconds(), claims.iat);
      return mine && now < claims['touchstone.until'] ? claims : null;
    } catch (err) {
      this.#log.warn({ err }, 'a mandate to observe that is none of this host’s server');
      return null;
    }
  }

  async #readOrders(token: string): Promise<OrdersClaims> {
    const { hostId, akName, trustBundle } = this.#held.current;
    const orders = await readSignedClaims(token, trustBundle, {
      typ: 'touchstone-orders+jwt',
      schema: OrdersClaims,
    });
    if (orders.aud !== akName || orders['touchstone.host'] !== hostId) {
      throw new Error('orders for another host');
    }
    return orders;
  }

  #serverSeconds(): number {
    const heard = Math.floor((this.#serverTime.nowMs ?? 0) / 1_000);
    return Math.max(heard, this.#kept.value.serverTime);
  }

  #change(next: Type.Static<typeof KeptMandates>): Promise<void> {
    const { value } = this.#kept;
    const seconds = this.#serverSeconds();
    const observed = next.mandates.observe !== null;
    const late = observed && seconds > value.serverTime + SERVER_TIME_STEP_SECONDS;
    const serverTime = late ? seconds : value.serverTime;
    const changed = { ...next, serverTime };
    if (JSON.stringify(changed) === JSON.stringify(value)) return this.#kept.settled();
    return this.#kept.change(changed);
  }
}

/** Of an untrusted host starts are observed; a revoked one is given nothing. */
const observeIn = (state: HostState): { readonly observe?: null } =>
  state === 'revoked' ? { observe: null } : {};

/** As it says itself: only what is held against it follows from this. */
function vmIn(licence: string): string | null {
  try {
    const { 'touchstone.vm': vm } = decodeJwt<{ 'touchstone.vm'?: unknown }>(licence);
    return typeof vm === 'string' ? vm : null;
  } catch {
    return null;
  }
}
