import { Type } from 'typebox';
import { oneOf } from './scalars.ts';

/**
 * Assurance class of a host's TPM. There is no order among classes: whoever depends on one names the
 * set that it accepts. `hardware` in documents means discrete and firmware.
 */
export const AssuranceClass = oneOf('discrete', 'firmware', 'virtual', 'software');
export type AssuranceClass = Type.Static<typeof AssuranceClass>;

export const AssuranceClasses = Type.Array(AssuranceClass, {
  minItems: 1,
  maxItems: 4,
  uniqueItems: true,
});

/** `stale` is derived when reading; the stored state beneath it returns with authentic evidence. */
export const HostState = oneOf('pending', 'trusted', 'untrusted', 'stale', 'revoked');
export type HostState = Type.Static<typeof HostState>;

/** Roles of the operator API. Every one of them may read what `viewer` reads. */
export const Role = oneOf('viewer', 'operator', 'approver', 'ca-admin');
export type Role = Type.Static<typeof Role>;
