import { createPrivateKey } from 'node:crypto';
import type { KeyUse } from '@touchstone/schemas';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { databaseTime, insertServerKey, lockServerKeys, serverKeys } from '../store/server-keys.ts';
import type { KeySealer } from './sealed-key.ts';
import { signingKeyOf } from './signing-key.ts';

/**
 * The configured keys (PKCS#8 PEM) are the first ones. A configured key that the database does not know, where there
 * is one that signs, is the next one: hosts hear of it before it signs. One that it knows stays what it is there.
 */
export async function adoptKeys(
  { database, sealer }: { readonly database: Database; readonly sealer: KeySealer },
  configured: Readonly<Record<Exclude<KeyUse, 'release'>, string>>,
): Promise<void> {
  await database.transaction(async (on) => {
    await lockServerKeys(on);
    const now = await databaseTime(on);
    const known = await serverKeys(on);
    for (const use of ['result', 'permit'] as const) {
      const privateKey = createPrivateKey(configured[use]);
      const { jwk } = await signingKeyOf(privateKey, `touchstone-${use}+jwt`);
      const has = (state: string) => known.some((key) => key.use === use && key.state === state);
      if (known.some(({ kid }) => kid === jwk.kid) || has('next')) continue;
      const state = has('active') ? 'next' : 'active';
      const sealed = sealer.seal(privateKey, { use, kid: jwk.kid });
      if (!(await insertServerKey(on, { kid: jwk.kid, use, state, jwk, sealed, madeAt: now })))
        continue;
      const detail = `${state}: from the configured file`;
      const line = { actor: 'verifier', action: 'server-key.adopt', subject: `${use} ${jwk.kid}` };
      await appendAudit(on, { ...line, detail }, now);
    }
  });
}
