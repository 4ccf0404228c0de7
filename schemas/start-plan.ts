import { Type } from 'typebox';
import { ChallengeAnswer } from './challenge.ts';
import { DiskName } from './door.ts';
import { closed, NameHex, oneOf, Uuid } from './scalars.ts';

/** A disk whose content is not golden: `data` is read by nobody, `sealed` has its key from the server. */
export const VmDisk = closed({ name: DiskName, kind: oneOf('data', 'sealed') });
export type VmDisk = Type.Static<typeof VmDisk>;

/**
 * POST /v1/start-plans at the server: what a host needs to know before it describes a VM. It proves and changes nothing.
 * With `challenge` the answer brings one for permits along, as POST /v1/challenges gives it.
 */
export const StartPlansRequest = closed({
  akName: NameHex,
  vms: Type.Array(Uuid, { minItems: 1, maxItems: 256, uniqueItems: true }),
  challenge: Type.Optional(Type.Literal(true)),
});
export type StartPlansRequest = Type.Static<typeof StartPlansRequest>;

/** Of a VM that is not registered: `known` false and no disks, so that all is read. */
export const StartPlan = closed({
  vm: Uuid,
  known: Type.Boolean(),
  disks: Type.Array(VmDisk, { maxItems: 64 }),
});
export type StartPlan = Type.Static<typeof StartPlan>;

export const StartPlans = closed({
  plans: Type.Array(StartPlan, { maxItems: 256 }),
  challenge: Type.Optional(ChallengeAnswer),
});
export type StartPlans = Type.Static<typeof StartPlans>;
