import type { Static } from 'typebox';
import { oneOf } from './scalars.ts';

/** The keys of EK certificates, in the order in which an agent takes one if nobody says which. */
export const EK_KINDS = [
  'rsa-2048',
  'ecc-p256',
  'ecc-p384',
  'rsa-3072',
  'ecc-p521',
  'rsa-4096',
] as const;
export const EkKind = oneOf(...EK_KINDS);
export type EkKind = Static<typeof EkKind>;

/** ECDSA P-256, or RSASSA 2048; both with SHA-256. */
export const AK_KINDS = ['ecc-p256', 'rsa-2048'] as const;
export const AkKind = oneOf(...AK_KINDS);
export type AkKind = Static<typeof AkKind>;
