import { parseTpmtPublic } from '@touchstone/tpm';
import { ekRefOf } from '@touchstone/endorsement';
import { issueAkCertificate } from './ak-certificate.ts';
import { loadAuthority } from './authority.ts';
import type { Issuance } from './issuance.ts';

/** What a state directory with one root and one issuing CA can do: it issues, and rotates nothing. */
export async function heldAuthority(stateDir: string): Promise<Issuance> {
  const authority = await loadAuthority(stateDir);
  const refuse = () => Promise.reject(new Error('these keys do not rotate'));
  return {
    ...{ makeKey: refuse, destroyKey: refuse, signRoot: refuse, signIssuing: refuse },
    ...{ signCross: refuse, signCrl: refuse },
    keys: () => Promise.resolve([]),
    signAk: ({ ak, now }) =>
      issueAkCertificate({ ...ak, akPublic: parseTpmtPublic(ak.akPublic) }, authority, now),
    ekRef: (ekName) => Promise.resolve(ekRefOf(authority.ekRefSecret, ekName)),
  };
}
