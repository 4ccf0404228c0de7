import type { TpmRootAdmitted, TpmRootExport, TpmRootList } from '@touchstone/schemas';
import { encodeBase64Url } from '../base64url.ts';
import { caError } from '../ca-error.ts';
import {
  admittedKeys,
  countVouched,
  listWaiting,
  type Queryable,
  rootsVersion,
} from '../store/index.ts';
import { KNOWN_CERTIFICATES } from '../tpm-makers/index.ts';
import type { ConfiguredRoot } from '../validation/index.ts';
import { heldCertificates } from './held-certificates.ts';

/** As many as one answer names. */
const NAMED = 1_000;

export async function listTpmRoots(
  on: Queryable,
  configured: readonly ConfiguredRoot[],
): Promise<TpmRootList> {
  const records = (await heldCertificates(on, configured)).map(({ record }) => record);
  const vouched = await countVouched(on);
  const { version: listVersion, collections } = KNOWN_CERTIFICATES;
  return {
    schema: 'touchstone/tpm-roots/1',
    ...{ version: await rootsVersion(on), listVersion, collections: [...collections] },
    roots: records.filter(({ kind }) => kind === 'root'),
    intermediates: records.filter(({ kind }) => kind === 'intermediate'),
    ...{ admittedByPin: vouched.pin, admittedAsSoftware: vouched.itself },
    admittedUnrecorded: vouched.unrecorded,
    waiting: (await listWaiting(on, 1)).count,
  };
}

export async function exportTpmRoots(
  on: Queryable,
  configured: readonly ConfiguredRoot[],
): Promise<TpmRootExport> {
  const held = await heldCertificates(on, configured);
  return {
    schema: 'touchstone/tpm-roots-export/1',
    version: await rootsVersion(on),
    certificates: held.map(({ record, der }) => ({ record, der: encodeBase64Url(der) })),
  };
}

/**
 * What a root has admitted, and until when that is believed without it.
 * @throws AppError TPM_ROOT_UNKNOWN
 */
export async function admittedBy(
  on: Queryable,
  configured: readonly ConfiguredRoot[],
  fingerprint: string,
): Promise<TpmRootAdmitted> {
  const held = await heldCertificates(on, configured);
  const root = held.find(({ record }) => record.fingerprint === fingerprint)?.record;
  if (root === undefined) throw caError('TPM_ROOT_UNKNOWN', 404, { detail: fingerprint });
  const { count, lastUntil, keys } = await admittedKeys(on, Buffer.from(fingerprint, 'hex'), NAMED);
  return {
    ...{ version: await rootsVersion(on), root, count },
    lastUntil: lastUntil?.toISOString() ?? null,
    keys: keys.map((key) => ({
      ...{ ekRef: Buffer.from(key.ekRef).toString('hex'), class: key.class },
      lastActivatedAt: key.lastActivatedAt.toISOString(),
      certificateUntil: key.certificateUntil?.toISOString() ?? null,
    })),
  };
}
