import { loadAuthority } from './authority.ts';
import type { Custody, CustodyKey } from './custody.ts';
import type { Issuance } from './issuance.ts';
import { localIssuance } from './local-issuance.ts';

/** What a state directory with one root and one issuing CA can do: it issues, and rotates nothing. */
export async function heldAuthority(stateDir: string): Promise<Issuance> {
  const { issuing, issuingKey, ekRefSecret } = await loadAuthority(stateDir);
  const { spki, signatureAlgorithm, sign } = issuingKey;
  const key: CustodyKey = {
    ...{ keyId: issuing.keyId, role: 'issuing', label: 'first/issuing' },
    ...{ spki, signatureAlgorithm, sign },
  };
  const refuse = () => Promise.reject(new Error('these keys do not rotate'));
  const custody: Custody = {
    root: { make: refuse, destroy: refuse, keys: () => Promise.resolve([]) },
    issuing: { make: refuse, destroy: refuse, keys: () => Promise.resolve([key]) },
    ekRefSecret: () => Promise.resolve(ekRefSecret),
  };
  return localIssuance(custody, () => new Date());
}
