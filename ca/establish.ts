import { X509Certificate } from 'node:crypto';
import { keyIdOf } from '@touchstone/endorsement';
import type pg from 'pg';
import type { Issuance } from './issuance/index.ts';
import { insertAuthority, listAuthorities } from './store/index.ts';

/** Any number, the same in every process: of two that begin, one does. */
const ESTABLISH_LOCK = 7_301_004;

/** The certificates (DER) of a CA whose keys were there before this database knew of authorities. */
export type EarlierAuthority = { readonly root: Uint8Array; readonly issuing: Uint8Array };

/**
 * The first root and the first issuing CA, where there are none: those that are there from earlier, or new ones. Both
 * are in the database in the end, or neither; interrupted, the same keys get there the next time.
 */
export async function establishAuthorities(
  client: pg.Client,
  issuance: Pick<Issuance, 'makeKey' | 'signRoot' | 'signIssuing'>,
  { now, earlier }: { readonly now: Date; readonly earlier: EarlierAuthority | undefined },
): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [ESTABLISH_LOCK]);
  try {
    if ((await listAuthorities(client)).some(({ state }) => state === 'active')) return;
    const { root, issuing } = earlier ?? (await firstAuthority(issuance, now));
    const rootKeyId = keyIdIn(root);
    const rows = [
      { keyId: rootKeyId, role: 'root', certificate: root },
      { keyId: keyIdIn(issuing), role: 'issuing', certificate: issuing },
    ] as const;
    await client.query('BEGIN');
    for (const row of rows) {
      await insertAuthority(client, {
        ...{ ...row, signedBy: rootKeyId, state: 'active', rotationId: null },
      });
    }
    await client.query('COMMIT');
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [ESTABLISH_LOCK]);
  }
}

async function firstAuthority(
  issuance: Pick<Issuance, 'makeKey' | 'signRoot' | 'signIssuing'>,
  now: Date,
): Promise<EarlierAuthority> {
  const rootKey = await issuance.makeKey('first/root', 'root');
  const issuingKey = await issuance.makeKey('first/issuing', 'issuing');
  const root = await issuance.signRoot({ keyId: rootKey.keyId, now });
  return { root, issuing: await issuance.signIssuing({ root, keyId: issuingKey.keyId, now }) };
}

const keyIdIn = (certificate: Uint8Array): string =>
  keyIdOf(new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }));
