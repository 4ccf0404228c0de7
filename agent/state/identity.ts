import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Type } from 'typebox';
import {
  AssuranceClass,
  base64UrlUpTo,
  closed,
  HttpsUrl,
  NameHex,
  PemCertificate,
  Sha256Hex,
  TrustBundle,
  Uuid,
} from '@touchstone/schemas';
import { readStateFile, writeStateFile } from './state-file.ts';

/** The AK as TPM2_Create gave it. `auth` is random, and the TPM asks for it: TCG Part 1, 19.6. */
export const KeyRecord = closed({
  schema: Type.Literal('touchstone/agent-key/1'),
  ekName: NameHex,
  akName: NameHex,
  public: base64UrlUpTo(1_024),
  private: base64UrlUpTo(2_048),
  auth: base64UrlUpTo(32),
});
export type KeyRecord = Type.Static<typeof KeyRecord>;

/** The binding key, made beside that AK: a TPM that was cleared has lost both. */
export const BindingRecord = closed({
  schema: Type.Literal('touchstone/agent-binding-key/1'),
  akName: NameHex,
  public: base64UrlUpTo(1_024),
  private: base64UrlUpTo(2_048),
  auth: base64UrlUpTo(32),
});
export type BindingRecord = Type.Static<typeof BindingRecord>;

/** Who this host is to its deployment; written when enrolment is complete. */
export const Enrolment = closed({
  schema: Type.Literal('touchstone/agent-enrolment/1'),
  hostId: Uuid,
  /** The AK that was enrolled: another one in this directory still has to be. */
  akName: NameHex,
  class: AssuranceClass,
  server: HttpsUrl,
  fingerprint: Sha256Hex,
  /** At the CA: what renewals are asked for under. */
  enrollmentId: Uuid,
  certificates: Type.Array(PemCertificate, { minItems: 1, maxItems: 4 }),
  intervalSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  trustBundle: TrustBundle,
});
export type Enrolment = Type.Static<typeof Enrolment>;

const keyPath = (stateDir: string): string => join(stateDir, 'attestation-key.json');
const bindingPath = (stateDir: string): string => join(stateDir, 'binding-key.json');
const enrolmentPath = (stateDir: string): string => join(stateDir, 'enrolment.json');

export const readKeyRecord = (stateDir: string) => readStateFile(keyPath(stateDir), KeyRecord);
export const writeKeyRecord = (stateDir: string, record: KeyRecord) =>
  writeStateFile(keyPath(stateDir), record);
/** A key that the TPM does not load any more gives way to a new one; what was of it is kept beside. */
export async function replaceKeyRecord(
  stateDir: string,
  old: KeyRecord,
  record: KeyRecord,
): Promise<void> {
  await writeStateFile(join(stateDir, 'attestation-key.previous.json'), old);
  await writeKeyRecord(stateDir, record);
}
export const readBindingRecord = (stateDir: string) =>
  readStateFile(bindingPath(stateDir), BindingRecord);
export const writeBindingRecord = (stateDir: string, record: BindingRecord) =>
  writeStateFile(bindingPath(stateDir), record);
export const readEnrolment = (stateDir: string) =>
  readStateFile(enrolmentPath(stateDir), Enrolment);
export const writeEnrolment = (stateDir: string, enrolment: Enrolment) =>
  writeStateFile(enrolmentPath(stateDir), enrolment);

/** 32 random bytes: the auth of a key. */
export const newAuth = (): Buffer => randomBytes(32);
