import { Type } from 'typebox';
import { HostState } from './classes.ts';
import { Door } from './door.ts';
import { OnLoss } from './mandates.ts';
import { nextCursor } from './paging.ts';
import { Finding } from './finding.ts';
import { closed, Code, LineOfText, oneOf, Slug, Timestamp, Uuid } from './scalars.ts';

const HostRef = { hostId: Uuid, hostName: Slug } as const;

/**
 * Where a VM runs, by the host's own word. `ground`: what it was started by, as far as the server knows it; `refused`,
 * `failed`, `differs`: by a permit, though the host said that this became of that start; null where the host names none, or
 * one that nobody knows.
 */
const Running = closed({
  ...HostRef,
  hostState: HostState,
  door: Type.Union([Door, Type.Null()]),
  ground: Type.Union([
    oneOf('permit', 'licence', 'observe', 'refused', 'failed', 'differs'),
    Type.Null(),
  ]),
  paused: Type.Boolean(),
  since: Timestamp,
});

/** Since its host's trust was lost it is started nowhere, until somebody clears it. */
const Hold = closed({ ...HostRef, since: Timestamp, cause: LineOfText(512) });

/** A registered VM as it stands. `place`: the host that got its latest permit. */
export const VmStanding = closed({
  uuid: Uuid,
  name: Slug,
  onLoss: OnLoss,
  held: Type.Union([Hold, Type.Null()]),
  place: Type.Union([closed({ ...HostRef, at: Timestamp }), Type.Null()]),
  running: Type.Array(Running, { maxItems: 16 }),
  exposures: Type.Integer({ minimum: 0 }),
});
export type VmStanding = Type.Static<typeof VmStanding>;

/** GET /v1/vm-standings. */
export const VmStandings = closed({ vms: Type.Array(VmStanding, { maxItems: 1_000 }), nextCursor });
export type VmStandings = Type.Static<typeof VmStandings>;

/** A start that was refused, with the first reason. `told`: by the host, and not by the server. */
export const RefusedStart = closed({
  ...HostRef,
  requestId: Uuid,
  vm: Uuid,
  vmName: Type.Union([Slug, Type.Null()]),
  at: Timestamp,
  code: Code,
  finding: Type.Union([Finding, Type.Null()]),
  told: Type.Boolean(),
});
export type RefusedStart = Type.Static<typeof RefusedStart>;

/** GET /v1/refusals: the latest first. */
export const RefusedStarts = closed({
  refusals: Type.Array(RefusedStart, { maxItems: 1_000 }),
  nextCursor,
});
export type RefusedStarts = Type.Static<typeof RefusedStarts>;
