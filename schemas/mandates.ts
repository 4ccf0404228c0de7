import { Type } from 'typebox';
import { BootCounters } from './boot-counters.ts';
import { HostState } from './classes.ts';
import { closed, LineOfText, NameHex, oneOf, Sha256Hex, Uuid } from './scalars.ts';

/**
 * What the server signs, by a permit key of the trust bundle, for a time in which it may not be asked. Each is for one
 * AK (`aud`). None of them outranks a negative verdict.
 */

const Seconds = Type.Integer({ minimum: 0 });
const Clock = Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$', maxLength: 20 });

/** What becomes of a start for which no verdict could be had. DESIGN 4, Fail modes. */
export const FailMode = Type.Union([
  closed({ mode: Type.Literal('refuse') }),
  closed({
    mode: Type.Literal('allow-if-attested-within'),
    seconds: Type.Integer({ minimum: 60, maximum: 604_800 }),
  }),
  closed({ mode: Type.Literal('allow-and-flag') }),
]);
export type FailMode = Type.Static<typeof FailMode>;

/**
 * A standing licence; typ `touchstone-licence+jwt`. It counts while the TPM shows these boot counters, its clock (ms)
 * is not past `until` (null: as long as the boot), and nothing negative was heard since.
 */
export const LicenceClaims = closed({
  iss: LineOfText(512),
  aud: NameHex,
  jti: Uuid,
  iat: Seconds,
  'touchstone.host': Uuid,
  'touchstone.boot': BootCounters,
  'touchstone.vm': Uuid,
  'touchstone.definition': Sha256Hex,
  'touchstone.mode': oneOf('allow-if-attested-within', 'allow-and-flag'),
  'touchstone.until': Type.Union([Clock, Type.Null()]),
});
export type LicenceClaims = Type.Static<typeof LicenceClaims>;

/** What happens to a VM that runs when its host's trust is lost. DESIGN 4; `flag` unless its record says otherwise. */
export const OnLoss = oneOf('flag', 'no-new-starts', 'pause', 'shutdown');
export type OnLoss = Type.Static<typeof OnLoss>;

/**
 * The host's state as the server has it, and what it is to do with VMs that run there; typ `touchstone-orders+jwt`.
 * `sequence` rises with every change: an older one counts no more.
 */
export const OrdersClaims = closed({
  iss: LineOfText(512),
  aud: NameHex,
  iat: Seconds,
  'touchstone.host': Uuid,
  'touchstone.state': HostState,
  'touchstone.sequence': Type.Integer({ minimum: 0 }),
  'touchstone.vms': Type.Array(closed({ vm: Uuid, action: OnLoss }), { maxItems: 1_024 }),
});
export type OrdersClaims = Type.Static<typeof OrdersClaims>;

/** GET /v1/hosts/{id}/orders at the server. */
export const OrdersAnswer = closed({ orders: Type.String({ maxLength: 262_144 }) });
export type OrdersAnswer = Type.Static<typeof OrdersAnswer>;

/**
 * Observe mode, for a fleet that is being adopted; typ `touchstone-observe+jwt`: until then (seconds since 1970) every
 * start is asked and reported, and none refused. It releases no disk key.
 */
export const ObserveClaims = closed({
  iss: LineOfText(512),
  aud: NameHex,
  jti: Uuid,
  iat: Seconds,
  'touchstone.host': Uuid,
  'touchstone.until': Seconds,
});
export type ObserveClaims = Type.Static<typeof ObserveClaims>;

/** With the answer to evidence whose statement is of the second version. All that is held; what is not named ended. */
export const Mandates = closed({
  licences: Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: 512 }),
  orders: Type.Union([Type.String({ maxLength: 262_144 }), Type.Null()]),
  observe: Type.Union([Type.String({ maxLength: 4_096 }), Type.Null()]),
});
export type Mandates = Type.Static<typeof Mandates>;
