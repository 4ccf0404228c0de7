import { randomUUID } from 'node:crypto';
import type { AttestationResult } from '@touchstone/appraisal';
import type { Mandates, OrdersAnswer } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { grantLicence, observeClaims, ordersClaims } from '../gate/mandates.ts';
import { observes } from '../gate/observe.ts';
import type { Queryable } from '../store/database.ts';
import type { Host, Standing } from '../store/host.ts';
import { licensableAt, mandateGround, type OrdersGround, ordersGround } from '../store/mandates.ts';
import { vmsAtHost } from '../store/trust-losses.ts';
import { signedOnce } from './orders-memory.ts';
import type { Verifier } from './verifier.ts';

type Signer = Pick<Verifier, 'signing' | 'settings'>;

type Answered = {
  readonly host: Host;
  readonly standing: Standing;
  readonly result: AttestationResult;
  readonly now: Date;
};

/**
 * All that a host holds from now on, with the answer to evidence of its: in the transaction that settled it, after the
 * host was moved and its permits were given. They are not stored: the same evidence again is answered without them.
 */
export async function mandatesFor(
  verifier: Signer,
  on: Queryable,
  { host, standing, result, now }: Answered,
): Promise<Mandates> {
  const ground = await mandateGround(on, host.id, now);
  if (ground === null) throw new Error('a host that was answered is not there');
  const { signing, settings } = verifier;
  const to = { issuer: settings.publicUrl, akName: ground.akName, hostId: host.id, now };
  const { observation } = ground;
  const observed = observes(observation, { state: ground.state, labels: host.labels });
  return {
    licences: ground.licensable
      ? await licencesFor(verifier, on, { host, standing, result, now })
      : [],
    orders: await signedOrders(verifier, on, host.id, ground, now),
    observe:
      observation !== null && observed
        ? signing.mandateKeys.observe.sign(observeClaims({ ...to, ...observation }))
        : null,
  };
}

async function licencesFor(
  { signing, settings }: Signer,
  on: Queryable,
  { host, standing, result, now }: Answered,
): Promise<string[]> {
  if (standing.state !== 'trusted') return [];
  const { resetCount, restartCount, clock } = result.boot;
  const licences: string[] = [];
  for (const vm of await licensableAt(on, host.id)) {
    const claims = grantLicence({
      ...{ issuer: settings.publicUrl, akName: host.akName, hostId: host.id, now },
      id: randomUUID(),
      host: { state: standing.state, class: host.class, labels: host.labels },
      verdict: result.verdict,
      boot: { resetCount, restartCount, clock: clock.toString() },
      vm,
    });
    if (claims !== null) licences.push(signing.mandateKeys.licence.sign(claims));
  }
  return licences;
}

/** VMs of which a host is told at once. What is held is held, however many there are. */
const MOST_ORDERED = 1_024;

/** A host that is trusted has nothing to do, and its VMs are not looked for. Silence moves no VM: stale is no order. */
async function signedOrders(
  { signing, settings }: Signer,
  on: Queryable,
  hostId: string,
  { akName, state, sequence }: OrdersGround,
  now: Date,
): Promise<string> {
  const lost = state === 'untrusted' || state === 'revoked';
  const vms = lost ? await vmsAtHost(on, hostId, { most: MOST_ORDERED }) : [];
  return signedOnce(
    signing.mandateKeys.orders,
    ordersClaims({ issuer: settings.publicUrl, akName, hostId, state, sequence, vms, now }),
  );
}

/** GET /v1/hosts/{id}/orders. Anybody may ask: they are signed, and for one AK. @throws AppError HOST_UNKNOWN */
export async function giveOrders(verifier: Verifier, hostId: string): Promise<OrdersAnswer> {
  const { database, clock } = verifier;
  const now = clock.now();
  const ground = await ordersGround(database, hostId);
  if (ground === null) throw refusal('HOST_UNKNOWN', { detail: hostId });
  return { orders: await signedOrders(verifier, database, hostId, ground, now) };
}
