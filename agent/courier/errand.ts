import { Type } from 'typebox';
import { closed, HttpsUrl, LineOfText, oneOf, Sha256Hex, Timestamp } from '@touchstone/schemas';
import { MAX_CARRIED_BYTES } from './frame.ts';

/** What the courier is sent for; the body is that of the request. `pins` is null where any key will do. */
export const Errand = closed({
  url: HttpsUrl,
  pins: Type.Union([Type.Array(Sha256Hex, { maxItems: 32 }), Type.Null()]),
  method: oneOf('GET', 'POST', 'PUT', 'DELETE'),
  path: Type.String({ pattern: '^/v1/[\\u0021-\\u007e]*$', maxLength: 2_048 }),
  hasBody: Type.Boolean(),
  maxBytes: Type.Integer({ minimum: 0, maximum: MAX_CARRIED_BYTES }),
  timeoutMs: Type.Integer({ minimum: 1, maximum: 600_000 }),
});
export type Errand = Type.Static<typeof Errand>;

/**
 * What it says that it met; the body is that of the answer. Nothing here is vouched for: `pin` is a word about whose
 * key it saw, `date` about what the time is there.
 */
export const Return = Type.Union([
  closed({
    status: Type.Integer({ minimum: 100, maximum: 599 }),
    retryAfterSeconds: Type.Union([
      Type.Integer({ minimum: 0, maximum: 999_999_999 }),
      Type.Null(),
    ]),
    date: Type.Union([Timestamp, Type.Null()]),
    pin: Type.Union([Sha256Hex, Type.Null()]),
  }),
  closed({
    failed: oneOf('UNREACHABLE', 'TIMEOUT', 'PIN_MISMATCH', 'ANSWER_MALFORMED'),
    detail: LineOfText(1_024),
  }),
]);
export type Return = Type.Static<typeof Return>;
