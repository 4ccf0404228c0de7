import { NO_SESSIONS } from './resources.ts';
import type { Resources, TpmObject, TpmSession } from './resources.ts';
import type { Connection } from './connection.ts';
import { Output, sized, structure, withOutputs } from './structures.ts';

/** TPMT_SIG_SCHEME: TPM_ALG_NULL, so that the key's own scheme is used. */
const SCHEME_OF_KEY = Uint8Array.of(0x00, 0x10);
/** sizeof(TPM2B_DIGEST). */
const DIGEST_STRUCTURE_BYTES = 66;

export interface QuoteInput {
  readonly key: TpmObject;
  readonly session: TpmSession;
  /** Comes back as extraData. */
  readonly qualifyingData: Uint8Array;
  /** TPML_PCR_SELECTION. */
  readonly selection: Uint8Array;
}

export interface Quote {
  /** TPMS_ATTEST: the bytes that are signed. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** TPM2_Quote: Part 3, 18.4. */
export function quote(resources: Resources, input: QuoteInput): Promise<Quote> {
  const command = 'TPM2_Quote';
  const outputs = [new Output('TPM2B_ATTEST'), new Output('TPMT_SIGNATURE')] as const;
  return withOutputs(outputs, (attest, signature) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_Quote',
        resources.objectTr(command, input.key),
        ...resources.withEncryption(command, [input.session]),
        structure('TPM2B_DATA', sized(input.qualifyingData), command),
        structure('TPMT_SIG_SCHEME', SCHEME_OF_KEY, command),
        structure('TPML_PCR_SELECTION', input.selection, command),
        attest.cell,
        signature.cell,
      );
      return { attest: attest.readSized(), signature: signature.read() };
    }),
  );
}

export interface CertifyInput {
  readonly object: TpmObject;
  /** Proves the object's auth: the role is ADMIN. */
  readonly objectSession: TpmSession;
  readonly key: TpmObject;
  /** Another one: a session stands in a command once. */
  readonly keySession: TpmSession;
  /** Comes back as extraData. */
  readonly qualifyingData: Uint8Array;
}

/** TPM2_Certify: Part 3, 18.2. `attest` is of type TPM_ST_ATTEST_CERTIFY. */
export function certify(resources: Resources, input: CertifyInput): Promise<Quote> {
  const command = 'TPM2_Certify';
  const outputs = [new Output('TPM2B_ATTEST'), new Output('TPMT_SIGNATURE')] as const;
  return withOutputs(outputs, (attest, signature) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_Certify',
        resources.objectTr(command, input.object),
        resources.objectTr(command, input.key),
        ...resources.withEncryption(command, [input.objectSession, input.keySession]),
        structure('TPM2B_DATA', sized(input.qualifyingData), command),
        structure('TPMT_SIG_SCHEME', SCHEME_OF_KEY, command),
        attest.cell,
        signature.cell,
      );
      return { attest: attest.readSized(), signature: signature.read() };
    }),
  );
}

export interface ActivateCredentialInput {
  /** The key whose Name is in the credential. */
  readonly key: TpmObject;
  readonly keySession: TpmSession;
  /** The key that the secret is encrypted to: the EK. */
  readonly parent: TpmObject;
  readonly parentSession: TpmSession;
  /** TPM2B_ID_OBJECT. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly secret: Uint8Array;
}

/** TPM2_ActivateCredential: Part 3, 12.5. The answer is a secret: overwrite it after use. */
export function activateCredential(
  resources: Resources,
  input: ActivateCredentialInput,
): Promise<Uint8Array> {
  const command = 'TPM2_ActivateCredential';
  return withOutputs([new Output('TPM2B_DIGEST', DIGEST_STRUCTURE_BYTES)], (certInfo) =>
    resources.connection.run(command, async (send) => {
      await send(
        'Esys_ActivateCredential',
        resources.objectTr(command, input.key),
        resources.objectTr(command, input.parent),
        ...resources.withEncryption(command, [input.keySession, input.parentSession]),
        structure('TPM2B_ID_OBJECT', input.credentialBlob, command),
        structure('TPM2B_ENCRYPTED_SECRET', input.secret, command),
        certInfo.cell,
      );
      return certInfo.readSized();
    }),
  );
}

export interface TpmClock {
  /** Milliseconds since the TPM's last reset. */
  readonly time: bigint;
  /** Milliseconds that it was powered, ever; not a monotonic counter unless `safe`. */
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly safe: boolean;
}

/** TPM2_ReadClock: Part 3, 29.1. */
export function readClock(connection: Connection): Promise<TpmClock> {
  return withOutputs([new Output('TPMS_TIME_INFO')], (currentTime) =>
    connection.run('TPM2_ReadClock', async (send) => {
      await send('Esys_ReadClock', ...NO_SESSIONS, currentTime.cell);
      const wire = currentTime.read();
      return {
        time: wire.readBigUInt64BE(0),
        clock: wire.readBigUInt64BE(8),
        resetCount: wire.readUInt32BE(16),
        restartCount: wire.readUInt32BE(20),
        safe: wire.readUInt8(24) === 1,
      };
    }),
  );
}
