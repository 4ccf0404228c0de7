import { Type } from 'typebox';
import { AssuranceClasses } from './classes.ts';
import { Labels } from './labels.ts';
import { FailMode, OnLoss } from './mandates.ts';
import { nextCursor } from './paging.ts';
import { closed, Code, oneOf, Sha256Hex, Slug, Timestamp, Uuid } from './scalars.ts';
import { VmDisk } from './start-plan.ts';

/**
 * The record that a VM is gated by. `images` empty: any image; else each must be listed. `warnings`: whether it starts
 * on a host whose verdict is a warning (it does, unless stated). `disks`: those that are not golden. `failMode` is to
 * refuse and `onLoss` to flag, unless stated; a VM with a sealed disk has only `refuse`.
 */
export const Vm = closed({
  uuid: Uuid,
  name: Slug,
  classes: AssuranceClasses,
  hostLabels: Labels,
  images: Type.Array(Sha256Hex, { maxItems: 64 }),
  warnings: Type.Optional(oneOf('accept', 'refuse')),
  disks: Type.Optional(Type.Array(VmDisk, { minItems: 1, maxItems: 64 })),
  failMode: Type.Optional(FailMode),
  onLoss: Type.Optional(OnLoss),
});
export type Vm = Type.Static<typeof Vm>;

export const VmList = closed({ vms: Type.Array(Vm, { maxItems: 1_000 }), nextCursor });
export type VmList = Type.Static<typeof VmList>;

/**
 * One request to start a VM and what became of it. `licensed`, `observed`: it started though no permit was deserved or
 * to be had, `code` says why. `failed`: it was let go, and did not run. `differs`: it runs, and is not what was let go.
 * `told`: the host decided alone and told it later; then the definition is not known, unless the server had let the start
 * go, and it became another thing after that.
 */
export const VmStart = closed({
  requestId: Uuid,
  hostId: Uuid,
  hostName: Slug,
  at: Timestamp,
  decision: oneOf('permitted', 'refused', 'licensed', 'observed', 'failed', 'differs'),
  code: Type.Union([Code, Type.Null()]),
  definitionDigest: Type.Union([Sha256Hex, Type.Null()]),
  told: Type.Optional(Type.Literal(true)),
});
export type VmStart = Type.Static<typeof VmStart>;

/** The latest first. */
export const VmStarts = closed({
  vm: Vm,
  starts: Type.Array(VmStart, { maxItems: 1_000 }),
  nextCursor,
});
export type VmStarts = Type.Static<typeof VmStarts>;
