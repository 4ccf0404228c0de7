import { createPublicKey } from 'node:crypto';
import type { BundleKeyCertificate, BundleKeyRequest } from '@touchstone/schemas';
import { calculateJwkThumbprint } from 'jose';
import { caError } from './ca-error.ts';
import type { CaContext } from './enroll.ts';
import { pemOf } from './issuance/index.ts';
import { byQuorum, type Operator, operatorActor, takeQuorum } from './operators/index.ts';
import { appendAudit, databaseNow, listAuthorities } from './store/index.ts';

/**
 * The anchor's word for another key that signs trust bundles, where the one that the newest of them names is lost. Hosts
 * then believe whatever this key says of all other keys, so it takes the quorum.
 * @throws AppError QUORUM_WAITING, BUNDLE_KEY_MALFORMED, ROOT_MISSING, ISSUANCE_*
 */
export async function certifyBundleKey(
  { pool, issuance, log }: CaContext,
  by: Operator,
  { jwk, reason }: BundleKeyRequest,
): Promise<BundleKeyCertificate> {
  const spki = await spkiOf(jwk);
  return byQuorum(pool, by, async (client) => {
    const action = 'bundle-key.certify';
    const content = { x: jwk.x, y: jwk.y };
    const waiting = await takeQuorum(client, by, {
      ...{ action, subject: jwk.kid, detail: reason, content },
    });
    if (waiting !== null) return waiting;
    const now = await databaseNow(client);
    const root = (await listAuthorities(client)).find(
      ({ role, state }) => role === 'root' && state === 'active',
    );
    if (root === undefined) throw caError('ROOT_MISSING', 503);
    const certificate = await issuance.signBundleKey({ root: root.certificate, spki, now });
    const line = { actor: operatorActor(by), action, subject: jwk.kid, detail: reason };
    await appendAudit(client, line);
    log.warn({ kid: jwk.kid, root: root.keyId }, 'a bundle key was certified');
    return { certificate: pemOf(certificate) };
  });
}

/** Under its own name alone: people, approvals and the audit log know a key by its `kid` (RFC 7638). */
async function spkiOf({ kty, crv, x, y, kid }: BundleKeyRequest['jwk']): Promise<Uint8Array> {
  try {
    const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
    if ((await calculateJwkThumbprint({ kty, crv, x, y })) !== kid) throw new RangeError('kid');
    return key.export({ format: 'der', type: 'spki' });
  } catch (cause) {
    throw caError('BUNDLE_KEY_MALFORMED', 400, { cause });
  }
}
