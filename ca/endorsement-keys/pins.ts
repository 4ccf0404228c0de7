import type { AssuranceClass, Pin, PinRequest, Pins, WaitingKeys } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import { lineOfText } from '../line-of-text.ts';
import {
  byQuorum,
  type Operator,
  operatorActor,
  operatorTransaction,
  takeQuorum,
} from '../operators/index.ts';
import {
  appendAudit,
  deletePin,
  forgetWaiting,
  insertPin,
  listPins,
  listWaiting,
  pinOf,
  type Queryable,
  type StoredPin,
} from '../store/index.ts';

/** As many as one answer names. */
const NAMED = 1_000;

/** What depends on a person's word that it is a chip, and on nothing else, takes the quorum. */
export const isHardware = (assuranceClass: AssuranceClass): boolean =>
  assuranceClass === 'discrete' || assuranceClass === 'firmware';

/** Those that asked and that nobody vouches for. */
export async function viewWaiting(on: Queryable): Promise<WaitingKeys> {
  const { count, keys } = await listWaiting(on, NAMED);
  return {
    count,
    keys: keys.map(({ ekName, issuer, key, times, firstSeenAt, lastSeenAt }) => ({
      ...{ ekName: hexOf(ekName), issuer: issuer && lineOfText(issuer, 1_200), key, times },
      ...{ firstSeenAt: firstSeenAt.toISOString(), lastSeenAt: lastSeenAt.toISOString() },
    })),
  };
}

export async function viewPins(on: Queryable): Promise<Pins> {
  const { count, pins } = await listPins(on, NAMED);
  return { count, pins: pins.map(pinAsTold) };
}

/**
 * Exactly the EK of this Name is of this class, because somebody says so. It enrols when it next asks.
 * @throws AppError EK_PINNED, QUORUM_WAITING
 */
export function pinEk(
  { pool }: Pick<CaContext, 'pool'>,
  by: Operator,
  { ekName, class: assuranceClass, reason }: PinRequest,
): Promise<Pin> {
  const name = Buffer.from(ekName, 'hex');
  return byQuorum(pool, by, async (client) => {
    const known = await pinOf(client, name);
    if (known !== undefined) throw pinned(known);
    const waiting = isHardware(assuranceClass)
      ? await takeQuorum(client, by, {
          ...{ action: 'ek.pin', subject: ekName, content: { ekName, class: assuranceClass } },
          detail: `class ${assuranceClass}: ${reason}`,
        })
      : null;
    if (waiting !== null) return waiting;
    const actor = operatorActor(by);
    const pin = { ekName: name, class: assuranceClass, reason, by: actor };
    const done = await insertPin(client, pin);
    const stored = await pinOf(client, name);
    if (stored === undefined || !done) throw caError('EK_PINNED', 409, { detail: ekName });
    await forgetWaiting(client, name);
    await appendAudit(client, {
      ...{ actor, action: 'ek.pin', subject: ekName, detail: `class ${assuranceClass}: ${reason}` },
    });
    return pinAsTold(stored);
  });
}

/**
 * Nobody vouches for it any more: its next renewal is refused. The certificate that it has holds until it ends.
 * @throws AppError EK_PIN_UNKNOWN
 */
export function unpinEk(
  { pool }: Pick<CaContext, 'pool'>,
  by: Operator,
  { ekName, reason }: { readonly ekName: string; readonly reason: string },
): Promise<Pin> {
  return operatorTransaction(pool, by, async (client) => {
    const pin = await deletePin(client, Buffer.from(ekName, 'hex'));
    if (pin === undefined) throw caError('EK_PIN_UNKNOWN', 404, { detail: ekName });
    const line = { actor: operatorActor(by), action: 'ek.unpin', subject: ekName };
    await appendAudit(client, { ...line, detail: `was ${pin.class}: ${reason}` });
    return pinAsTold(pin);
  });
}

const pinned = (pin: StoredPin) =>
  caError('EK_PINNED', 409, { detail: `class ${pin.class}, by ${pin.by}: ${pin.reason}` });

const pinAsTold = ({ ekName, class: assuranceClass, reason, by, at }: StoredPin): Pin => ({
  ...{ ekName: hexOf(ekName), class: assuranceClass },
  decided: { at: at.toISOString(), by, because: reason },
});

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
