import { Type } from 'typebox';
import { FindingEffect } from './finding.ts';
import { closed, LineOfText, mapOf, Sha256Hex } from './scalars.ts';

/**
 * What a host's Secure Boot must be, as the variables that its firmware measured into PCR 7 say: UEFI 2.10,
 * 32.3. What is left out is not asked for. `mode` is what a departure does to the verdict.
 */
export const SecureBootRequirement = closed({
  mode: FindingEffect,
  /** The variable SecureBoot is 1. */
  state: Type.Literal('on'),
  /** The variables of the same names, where the firmware measured them. */
  setupMode: Type.Optional(Type.Literal(false)),
  auditMode: Type.Optional(Type.Literal(false)),
  deployedMode: Type.Optional(Type.Literal(true)),
  /** SHA-256 image digests that dbx holds at least. */
  dbxIncludes: Type.Optional(Type.Array(Sha256Hex, { minItems: 1, maxItems: 4_096 })),
  /** Where present, the SHA-256 of every certificate (DER) that may vouch for what is started. */
  authorities: Type.Optional(
    Type.Array(closed({ sha256: Sha256Hex, name: Type.Optional(LineOfText(256)) }), {
      minItems: 1,
      maxItems: 64,
    }),
  ),
  /** The least generation of each component that shim's revocations (SbatLevel) name: shim's SBAT.md. */
  sbat: Type.Optional(
    mapOf('^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', Type.Integer({ minimum: 1, maximum: 65_535 }), 64),
  ),
});
export type SecureBootRequirement = Type.Static<typeof SecureBootRequirement>;
