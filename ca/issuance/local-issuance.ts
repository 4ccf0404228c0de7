import { ekRefOf } from '@touchstone/endorsement';
import {
  signCrossCertificate,
  signIssuingCertificate,
  signRootCertificate,
} from './authority-certificates.ts';
import { CustodyError } from './custody-error.ts';
import type { Custody, CustodyKey } from './custody.ts';
import type { HeldKey, Issuance, KeyRole } from './issuance.ts';
import { type OwnCertificate, readOwn, readOwnRoot } from './own-certificate.ts';
import { signAkCertificate } from './sign-ak.ts';
import { signBundleKeyCertificate } from './sign-bundle-key.ts';
import { signRevocationList } from './sign-crl.ts';

const CLOCK_APART_MS = 600_000;
const ROLES: readonly KeyRole[] = ['root', 'issuing'];

/**
 * The issuance itself, in the process that has the keys. Nothing is signed unless
 *
 * - the key is in custody, in the role that this structure is signed in;
 * - the certificates named are of such keys, a root's being its own issuer;
 * - the time that whoever asks goes by is within ten minutes of `clock`.
 *
 * @throws CustodyError ISSUANCE_REFUSED, ISSUANCE_CLOCK, KEY_NOT_HELD, ISSUER_EXPIRED, and those of the custody
 */
export function localIssuance(custody: Custody, clock: () => Date): Issuance {
  const timely = (now: Date): Date => {
    const apartMs = Math.abs(now.getTime() - clock().getTime());
    if (apartMs <= CLOCK_APART_MS) return now;
    throw new CustodyError('ISSUANCE_CLOCK', `${Math.round(apartMs / 1_000)} s apart`);
  };
  const keyOf = async (role: KeyRole, keyId: string): Promise<CustodyKey> => {
    const key = (await custody[role].keys()).find((held) => held.keyId === keyId);
    if (key === undefined) throw new CustodyError('KEY_NOT_HELD', `${role} ${keyId}`);
    return key;
  };
  const withKey = async (role: KeyRole, certificate: OwnCertificate) => ({
    certificate,
    key: await keyOf(role, certificate.keyId),
  });
  const issuerIn = (der: Uint8Array) => withKey('issuing', readOwn(der, 'issuer'));
  const rootIn = (der: Uint8Array, field: string) => withKey('root', readOwnRoot(der, field));

  return {
    makeKey: async (label, role) => namesOf(await custody[role].make(label)),
    keys: async () => {
      const held = await Promise.all(ROLES.map((role) => custody[role].keys()));
      return held.flat().map(namesOf);
    },
    destroyKey: (keyId, role) => custody[role].destroy(keyId),
    signRoot: async ({ keyId, now }) =>
      signRootCertificate(await keyOf('root', keyId), timely(now)),
    signIssuing: async ({ root, keyId, now }) =>
      signIssuingCertificate(
        await keyOf('issuing', keyId),
        await rootIn(root, 'root'),
        timely(now),
      ),
    signCross: async ({ subject, by, now }) => {
      const successor = await rootIn(subject, 'subject');
      return signCrossCertificate(successor.certificate, await rootIn(by, 'by'), timely(now));
    },
    signAk: async ({ issuer, ak, now, crlUrl }) =>
      signAkCertificate(ak, await issuerIn(issuer), {
        ...{ now: timely(now), ...(crlUrl === undefined ? {} : { crlUrl }) },
      }),
    signCrl: async ({ issuer, ...fields }) => {
      timely(fields.thisUpdate);
      return signRevocationList(fields, await issuerIn(issuer));
    },
    signBundleKey: async ({ root, spki, now }) =>
      signBundleKeyCertificate(spki, await rootIn(root, 'root'), timely(now)),
    ekRef: async (ekName) => ekRefOf(await custody.ekRefSecret(), ekName),
  };
}

const namesOf = ({ keyId, role, label, spki }: CustodyKey): HeldKey => ({
  ...{ keyId, role, label, spki },
});
