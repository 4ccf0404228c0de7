import { checkEkPublic, parseEkCertificate } from '@touchstone/endorsement';
import { encodeTpm2bPublic, EK_TEMPLATE_RSA2048, nameOf, parseTpm2bPublic } from '@touchstone/tpm';
import type { Tpm, TpmObject } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';

/** TCG EK Credential Profile 2.5, 2.2.1.4: the RSA-2048 EK certificate, and where firmware keeps its key. */
const NV_EK_CERTIFICATE_RSA2048 = 0x01c00002;
const PERSISTENT_EK_RSA2048 = 0x81010001;

export type EndorsementKey = {
  readonly object: TpmObject;
  /** TPM2B_PUBLIC, and its Name in hex. */
  readonly public: Uint8Array;
  readonly name: string;
  readonly certificate: Uint8Array;
};

/**
 * The EK whose public area equals its certificate's key: the persistent one, else the one that the
 * template makes.
 * @throws AppError EK_CERTIFICATE_MISSING
 */
export async function openEndorsementKey(tpm: Tpm): Promise<EndorsementKey> {
  if ((await tpm.nvReadPublic(NV_EK_CERTIFICATE_RSA2048)) === null) {
    throw agentError('EK_CERTIFICATE_MISSING', { detail: 'NV index 0x01c00002 is not defined' });
  }
  const certificate = parseEkCertificate(await tpm.nvRead(NV_EK_CERTIFICATE_RSA2048));
  for (const open of [openPersistent, makeFromTemplate]) {
    const object = await open(tpm);
    if (object === null) continue;
    const { public: publicArea } = await tpm.readPublic(object);
    const parsed = parseTpm2bPublic(publicArea);
    if (checkEkPublic(parsed, certificate).length === 0) {
      const name = Buffer.from(nameOf(parsed)).toString('hex');
      return { object, public: publicArea, name, certificate: certificate.der };
    }
    await tpm.flush(object);
  }
  throw agentError('EK_CERTIFICATE_MISSING', {
    detail: 'the certificate in NV index 0x01c00002 is for no key that this TPM has',
  });
}

async function openPersistent(tpm: Tpm): Promise<TpmObject | null> {
  const handles = await tpm.handles('persistent');
  return handles.includes(PERSISTENT_EK_RSA2048) ? tpm.openPersistent(PERSISTENT_EK_RSA2048) : null;
}

const makeFromTemplate = (tpm: Tpm): Promise<TpmObject> =>
  tpm.createPrimary({ hierarchy: 'endorsement', inPublic: encodeTpm2bPublic(EK_TEMPLATE_RSA2048) });
