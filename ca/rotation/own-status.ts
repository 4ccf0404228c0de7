import { createHash, X509Certificate } from 'node:crypto';
import type { CaOwnStatus } from '@touchstone/schemas';
import {
  type Authority,
  type IssuedBy,
  issuedBy,
  listAuthorities,
  openRotations,
  type Queryable,
  readEpoch,
  readQuorum,
} from '../store/index.ts';
import { remindersOf } from './reminders.ts';
import { showRotation } from './show.ts';

const AUTHORITIES_SHOWN = 64;
const SUBJECT_SHOWN = 512;

/** What the CA says of itself: its keys, what it waits for, and what somebody should see to. */
export async function ownStatus(
  on: Queryable,
  { custody }: { readonly custody: CaOwnStatus['custody'] },
): Promise<CaOwnStatus> {
  const { now, epoch } = await readEpoch(on);
  const [rotation] = await openRotations(on);
  const authorities = await listAuthorities(on);
  const issued = await issuedBy(on);
  return {
    schema: 'touchstone/ca-own-status/1',
    ...{ now: now.toISOString(), epoch, custody },
    quorum: await readQuorum(on),
    authorities: authorities
      .slice(-AUTHORITIES_SHOWN)
      .map((authority) => shown(authority, issued.get(authority.keyId))),
    rotation: rotation === undefined ? null : await showRotation(on, rotation),
    reminders: remindersOf(authorities, rotation, now),
  };
}

function shown(
  authority: Authority,
  issued: IssuedBy | undefined,
): CaOwnStatus['authorities'][number] {
  const { keyId, role, certificate, state, reason, notBefore, notAfter } = authority;
  return {
    ...{ keyId, role, state, reason },
    subject: new X509Certificate(certificate).subject
      .replaceAll('\n', ', ')
      .slice(0, SUBJECT_SHOWN),
    fingerprint: createHash('sha256').update(certificate).digest('hex'),
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    liveCertificates: issued?.live ?? 0,
  };
}
