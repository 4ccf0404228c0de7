import { createPublicKey } from 'node:crypto';
import { bundleSignerExtensions, encodeName, keyIdOf } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import type { CustodyKey } from './custody.ts';
import type { OwnCertificate } from './own-certificate.ts';
import { signCertificate } from './sign-certificate.ts';
import { backdated, endWithin } from './validity.ts';

/** Hosts that were away for longer take the new key by a person's word (`touchstone-agent trust`). */
const VALID_DAYS = 30;

/**
 * By a root, which agents hold as an anchor: this key signs trust bundles, and is good for nothing else.
 * @throws CustodyError ISSUANCE_REFUSED, ISSUER_EXPIRED
 */
export async function signBundleKeyCertificate(
  given: Uint8Array,
  { certificate, key }: { readonly certificate: OwnCertificate; readonly key: CustodyKey },
  now: Date,
): Promise<Uint8Array> {
  const spki = p256KeyIn(given);
  const { der } = await signCertificate(
    {
      subject: encodeName({
        organizationName: 'Touchstone',
        commonName: `Touchstone bundle key ${keyIdOf(spki).slice(0, 8)}`,
      }),
      issuer: certificate.subject,
      spki,
      notBefore: backdated(now),
      notAfter: endWithin(now, VALID_DAYS, certificate.notAfter),
      extensions: bundleSignerExtensions({ spki, issuerKeyId: certificate.keyId }),
    },
    key,
  );
  return der;
}

/** As node:crypto writes it: whatever else came along is left behind. */
function p256KeyIn(spki: Uint8Array): Uint8Array {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
      return key.export({ format: 'der', type: 'spki' });
    }
  } catch (cause) {
    throw new CustodyError('ISSUANCE_REFUSED', 'spki', cause);
  }
  throw new CustodyError('ISSUANCE_REFUSED', 'spki');
}
