import { Type } from 'typebox';
import { BaselinePart } from './baseline.ts';
import { AssuranceClass, HostState } from './classes.ts';
import { BaselineRecord } from './operator.ts';
import { Cursor } from './paging.ts';
import { closed, LineOfText, oneOf, Slug, Timestamp, Uuid } from './scalars.ts';

/**
 * POST /v1/windows: drafts of a name are accepted beside what is active, until a time or until so many hosts are
 * accepted by them; then what was active retires by itself. Without `documents`, the latest draft of each part.
 */
export const WindowOpening = closed({
  name: Slug,
  documents: Type.Optional(
    Type.Array(closed({ part: BaselinePart, version: Type.Integer({ minimum: 1 }) }), {
      minItems: 1,
      maxItems: 6,
    }),
  ),
  until: Timestamp,
  hosts: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
});
export type WindowOpening = Type.Static<typeof WindowOpening>;

/**
 * POST /v1/windows/{id or name}/closing: what was active retires now; with `abandon` it stays, and what was new goes.
 * Either accepts less than before.
 */
export const WindowClosing = closed({
  abandon: Type.Optional(Type.Boolean()),
  reason: LineOfText(512),
});
export type WindowClosing = Type.Static<typeof WindowClosing>;

/**
 * `accepted`: hosts that the new documents have accepted. `laggards`: other hosts that the window is for; of one that
 * ended, at its end.
 */
export const WindowRecord = closed({
  id: Uuid,
  name: Slug,
  documents: Type.Array(closed({ part: BaselinePart, version: Type.Integer({ minimum: 1 }) }), {
    maxItems: 6,
  }),
  until: Timestamp,
  quota: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  accepted: Type.Integer({ minimum: 0 }),
  laggards: Type.Integer({ minimum: 0 }),
  openedBy: LineOfText(64),
  openedAt: Timestamp,
  endedAt: Type.Union([Timestamp, Type.Null()]),
  endedBy: Type.Union([oneOf('until', 'quota', 'person', 'abandoned'), Type.Null()]),
});
export type WindowRecord = Type.Static<typeof WindowRecord>;

/** GET /v1/windows: those that are open, or with `all` every one; the latest first. */
export const WindowList = closed({
  windows: Type.Array(WindowRecord, { maxItems: 1_000 }),
  nextCursor: Type.Optional(Cursor),
});
export type WindowList = Type.Static<typeof WindowList>;

/** What opening or closing one did. */
export const WindowChange = closed({
  window: WindowRecord,
  baselines: Type.Array(BaselineRecord, { maxItems: 64 }),
  changedHosts: Type.Array(closed({ id: Uuid, name: Slug, from: HostState, to: HostState }), {
    maxItems: 1_000,
  }),
});
export type WindowChange = Type.Static<typeof WindowChange>;

/** GET /v1/windows/{id or name}/hosts: those it is for, by name. `acceptedAt`: by the new documents, first. */
export const WindowHosts = closed({
  hosts: Type.Array(
    closed({
      id: Uuid,
      name: Slug,
      state: HostState,
      class: AssuranceClass,
      acceptedAt: Type.Union([Timestamp, Type.Null()]),
      lastAuthenticAt: Timestamp,
    }),
    { maxItems: 1_000 },
  ),
  nextCursor: Type.Optional(Cursor),
});
export type WindowHosts = Type.Static<typeof WindowHosts>;
