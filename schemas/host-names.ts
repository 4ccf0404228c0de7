import { Type } from 'typebox';
import { closed, Sha256Hex, Slug } from './scalars.ts';

/** POST /v1/host-names: which hosts have these TPMs. */
export const HostNamesRequest = closed({
  ekRefs: Type.Array(Sha256Hex, { minItems: 1, maxItems: 1_000 }),
});
export type HostNamesRequest = Type.Static<typeof HostNamesRequest>;

/** By name; a TPM that no host has is left out. */
export const HostNames = closed({
  hosts: Type.Array(closed({ ekRef: Sha256Hex, name: Slug }), { maxItems: 1_000 }),
});
export type HostNames = Type.Static<typeof HostNames>;
