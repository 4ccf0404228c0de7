/** The system's tpm2-tss (ESAPI 3.x) for Node: wire bytes in and out, bounded in time. */
export { openTpm } from './tpm.ts';
export type { OpenTpmOptions, Tpm } from './tpm.ts';
export { TpmError } from './tpm-error.ts';
export type { TpmErrorCode } from './codes.ts';
export type { TpmObject, TpmSession } from './resources.ts';
export type { PolicySignedInput, SessionOptions } from './sessions.ts';
export type { ImportInput } from './sealed-objects.ts';
export type { HandleKind } from './capability.ts';
export type { CreateInput, CreatePrimaryInput, CreatedKey, LoadInput, PublicArea } from './keys.ts';
export type { NvPublic } from './nv.ts';
export type { PcrValue, TaggedDigest } from './pcr.ts';
export type {
  ActivateCredentialInput,
  CertifyInput,
  Quote,
  QuoteInput,
  TpmClock,
} from './attestation.ts';
