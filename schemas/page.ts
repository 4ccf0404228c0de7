import { Type } from 'typebox';
import { HostSummary } from './operator.ts';
import { closed, Code, LineOfText, Slug, Timestamp, Uuid } from './scalars.ts';

/**
 * POST /v1/browser-sessions: a bearer token is exchanged for a cookie that reads what `viewer` reads, and
 * nothing else. The secret is in the cookie alone.
 */
export const BrowserSession = closed({ name: Slug, expiresAt: Timestamp });
export type BrowserSession = Type.Static<typeof BrowserSession>;

/** GET /v1/reasons: what the codes of findings mean in words. */
export const ReasonTitles = closed({
  reasons: Type.Array(
    closed({ code: Code, title: LineOfText(256), remedy: Type.Optional(LineOfText(1_024)) }),
    { maxItems: 1_000 },
  ),
});
export type ReasonTitles = Type.Static<typeof ReasonTitles>;

/** GET /v1/events, event `hosts`: all there are, first of all and once. `now` is the server's time. */
export const FleetSnapshot = closed({
  now: Timestamp,
  hosts: Type.Array(HostSummary, { maxItems: 1_000 }),
});
export type FleetSnapshot = Type.Static<typeof FleetSnapshot>;

/** GET /v1/events, event `change`: the hosts that look otherwise than before, and those that are gone. */
export const FleetChange = closed({
  now: Timestamp,
  changed: Type.Array(HostSummary, { maxItems: 1_000 }),
  removed: Type.Array(Uuid, { maxItems: 1_000 }),
});
export type FleetChange = Type.Static<typeof FleetChange>;

/** GET /v1/events, event `beat`: the stream is alive. */
export const FleetBeat = closed({ now: Timestamp });
export type FleetBeat = Type.Static<typeof FleetBeat>;
