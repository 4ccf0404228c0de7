import { Type } from 'typebox';
import { FindingEffect } from './finding.ts';
import { closed, oneOf } from './scalars.ts';

/**
 * What is asked of a host's TPM itself. `mode` is what it does to the verdict where the TPM does not resist an attack
 * of `resists`. `advisories`: what one of each kind does, where the default is not to be: `remote` enforces where the AK's
 * own kind of key is concerned and else warns, `local` and `physical` warn. `accept`: advisories by name that a person has
 * weighed; they are shown and decide nothing.
 */
export const TpmRequirement = closed({
  mode: FindingEffect,
  resists: Type.Optional(
    Type.Array(oneOf('physical'), { minItems: 1, maxItems: 1, uniqueItems: true }),
  ),
  advisories: Type.Optional(
    closed({
      remote: Type.Optional(FindingEffect),
      local: Type.Optional(FindingEffect),
      physical: Type.Optional(FindingEffect),
    }),
  ),
  accept: Type.Optional(
    Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9_]{1,63}$', maxLength: 64 }), {
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
    }),
  ),
});
export type TpmRequirement = Type.Static<typeof TpmRequirement>;
