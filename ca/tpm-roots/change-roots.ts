import { type IssuerCertificate, parseIssuerCertificate } from '@touchstone/endorsement';
import type { TpmRootAddition, TpmRootAdmitted, TpmRootList } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import type pg from 'pg';
import { decodeBase64Url } from '../base64url.ts';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import {
  byQuorum,
  type Operator,
  operatorActor,
  operatorTransaction,
  takeQuorum,
} from '../operators/index.ts';
import {
  appendAudit,
  deleteRoot,
  insertRoot,
  lockRoots,
  type NewRoot,
  nextRootsVersion,
  recordRootChange,
} from '../store/index.ts';
import { KNOWN_CERTIFICATES } from '../tpm-makers/index.ts';
import { heldCertificates } from './held-certificates.ts';
import { newRootOf } from './judge-certificate.ts';
import { admittedBy, listTpmRoots } from './list-roots.ts';

type Context = Pick<CaContext, 'pool' | 'tpmRoots'>;

/** Under one new version, which it gives. */
export async function addTogether(
  client: pg.PoolClient,
  roots: readonly NewRoot[],
  { reason, by }: { readonly reason: string; readonly by: string },
): Promise<number> {
  const version = await nextRootsVersion(client);
  for (const root of roots) {
    await insertRoot(client, root);
    await recordRootChange(client, { version, change: 'added', root, reason, by });
  }
  return version;
}

/**
 * A root by hand: it takes the quorum, unless the list knows it with this very class and EK. A certificate that another one
 * signed can be a root as well: then nobody looks further up.
 * @throws AppError TPM_ROOT_MALFORMED, TPM_ROOT_HELD, QUORUM_WAITING
 */
export function addRoot(
  context: Context,
  by: Operator,
  request: TpmRootAddition,
): Promise<TpmRootList> {
  const certificate = readCertificate(decodeBase64Url(request.der, '/der'));
  const { class: assuranceClass, ekAlgorithm, maker, source, url, licence, date } = request;
  const root = newRootOf(certificate, {
    ...{ maker, as: { class: assuranceClass, ekAlgorithm }, addedBy: operatorActor(by) },
    provenance: { listVersion: null, source, url, licence, date },
  });
  const fingerprint = Buffer.from(root.fingerprint).toString('hex');
  return byQuorum(context.pool, by, async (client) => {
    await lockRoots(client);
    await refuseHeldRoot(context, client, fingerprint);
    const known = KNOWN_CERTIFICATES.bySha256.get(fingerprint);
    const listed =
      known?.kind === 'root' && known.class === assuranceClass && known.ekAlgorithm === ekAlgorithm;
    const waiting = listed
      ? null
      : await takeQuorum(client, by, {
          ...{ action: 'tpm-roots.add', subject: fingerprint, content: request },
          detail: `${root.subject}, for TPMs of class ${assuranceClass}: ${request.reason}`,
        });
    if (waiting !== null) return waiting;
    // It may have been a mere link until now.
    await deleteRoot(client, root.fingerprint);
    const version = await addTogether(client, [root], {
      ...{ reason: request.reason, by: root.addedBy },
    });
    await appendAudit(client, {
      ...{ actor: root.addedBy, action: 'tpm-roots.add', subject: fingerprint },
      detail: `version ${version}: ${root.subject}, ${assuranceClass}, from ${source}: ${request.reason}`,
    });
    return listTpmRoots(client, context.tpmRoots.configured);
  });
}

/**
 * From now on it vouches for nobody: no enrolment and no renewal follows by it. What it admitted keeps the
 * certificates that there are until they end.
 * @throws AppError TPM_ROOT_UNKNOWN, TPM_ROOT_CONFIGURED
 */
export function removeRoot(
  context: Context,
  by: Operator,
  { fingerprint, reason }: { readonly fingerprint: string; readonly reason: string },
): Promise<TpmRootAdmitted> {
  return operatorTransaction(context.pool, by, async (client) => {
    await lockRoots(client);
    const means = await admittedBy(client, context.tpmRoots.configured, fingerprint);
    const root = await deleteRoot(client, Buffer.from(fingerprint, 'hex'));
    if (means.root.from === 'configuration' || root === undefined) {
      throw caError('TPM_ROOT_CONFIGURED', 409, { detail: means.root.subject });
    }
    const actor = operatorActor(by);
    const version = await nextRootsVersion(client);
    await recordRootChange(client, { version, change: 'removed', root, reason, by: actor });
    await appendAudit(client, {
      ...{ actor, action: 'tpm-roots.remove', subject: fingerprint },
      detail: `version ${version}: ${root.subject}, which admitted ${means.count}: ${reason}`,
    });
    return { ...means, version };
  });
}

async function refuseHeldRoot(
  { tpmRoots }: Context,
  client: pg.PoolClient,
  fingerprint: string,
): Promise<void> {
  const held = await heldCertificates(client, tpmRoots.configured);
  const same = held.find(({ record }) => record.fingerprint === fingerprint);
  if (same?.record.kind === 'root') {
    throw caError('TPM_ROOT_HELD', 409, { detail: `${same.record.subject}: ${same.record.class}` });
  }
}

function readCertificate(der: Uint8Array): IssuerCertificate {
  try {
    return parseIssuerCertificate(der);
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw caError('TPM_ROOT_MALFORMED', 422, { detail: cause.message.slice(0, 512), cause });
  }
}
