import type { EndorsementKey, EndorsementKeyList } from '@touchstone/schemas';
import { caError } from '../ca-error.ts';
import type { CaContext } from '../enroll.ts';
import {
  endorsementKeyOf,
  listEndorsementKeys,
  type Queryable,
  type StoredEndorsementKey,
} from '../store/index.ts';
import { heldCertificates } from '../tpm-roots/index.ts';

const PAGE = 500;

type Context = Pick<CaContext, 'pool' | 'tpmRoots'>;

/** A page of them, after that `ekRef`. */
export async function viewKeys(
  { pool, tpmRoots }: Context,
  after: string | undefined,
): Promise<EndorsementKeyList> {
  const found = await listEndorsementKeys(pool, {
    after: after === undefined ? null : Buffer.from(after, 'hex'),
    limit: PAGE + 1,
  });
  const subjects = await subjectsOfRoots(pool, tpmRoots);
  const keys = found.slice(0, PAGE).map((key) => keyAsTold(key, subjects));
  const last = keys.at(-1);
  const more = found.length > PAGE && last !== undefined;
  return { keys, ...(more && { nextCursor: last.ekRef }) };
}

/** @throws AppError EK_UNKNOWN */
export async function viewKey(
  on: Queryable,
  tpmRoots: Context['tpmRoots'],
  ekRef: string,
): Promise<EndorsementKey> {
  const key = await endorsementKeyOf(on, Buffer.from(ekRef, 'hex'));
  if (key === undefined) throw caError('EK_UNKNOWN', 404, { detail: ekRef });
  return keyAsTold(key, await subjectsOfRoots(on, tpmRoots));
}

type Subjects = ReadonlyMap<string, string>;

async function subjectsOfRoots(
  on: Queryable,
  { configured }: Context['tpmRoots'],
): Promise<Subjects> {
  const held = await heldCertificates(on, configured);
  return new Map(held.map(({ record }) => [record.fingerprint, record.subject]));
}

function keyAsTold(key: StoredEndorsementKey, subjects: Subjects): EndorsementKey {
  const root = key.rootFingerprint && hexOf(key.rootFingerprint);
  return {
    ...{ ekRef: hexOf(key.ekRef), ekName: hexOf(key.ekName), class: key.class },
    vouchedBy: key.vouchedBy === 'configuration' ? 'root' : key.vouchedBy,
    ...{ rootFingerprint: root, rootSubject: root && (subjects.get(root) ?? null) },
    maker: key.tpm?.maker ?? null,
    ...{ weaknesses: [...(key.tpm?.weaknesses ?? [])], quirks: [...key.quirks] },
    firstActivatedAt: key.firstActivatedAt.toISOString(),
    lastActivatedAt: key.lastActivatedAt.toISOString(),
    certificateUntil: key.certificateUntil?.toISOString() ?? null,
    state: key.state,
    decided: key.decided && {
      ...{ at: key.decided.at.toISOString(), by: key.decided.by },
      because: key.decided.because.slice(0, 512),
    },
  };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
