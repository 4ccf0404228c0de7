import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import { type CaStatus, checkAgainst, TrustBundle } from '@touchstone/schemas';
import { countHostsByBundle } from '../store/hosts.ts';
import type { Verifier } from './verifier.ts';

/** @throws AppError ISSUERS_UNKNOWN before the first bundle came. */
export async function viewCaStatus({
  issuers,
  bundles,
  database,
}: Pick<Verifier, 'issuers' | 'bundles' | 'database'>): Promise<CaStatus> {
  const known = issuers.known();
  const bundle = checkAgainst(TrustBundle, decodeJwt(bundles.current().jws));
  const { there, behind } = await countHostsByBundle(database, bundle.epoch);
  return {
    epoch: known.epoch,
    anchors: known.anchors.map((pem) => {
      const certificate = new X509Certificate(pem);
      const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
      return { ...gist(certificate), fingerprint };
    }),
    issuers: known.issuers.map(({ keyId, certificate, state }) => ({
      ...gist(new X509Certificate(certificate)),
      ...{ keyId, state },
    })),
    trustBundle: {
      ...{ epoch: bundle.epoch, notAfter: bundle.notAfter },
      ...{ hostsThere: there, hostsBehind: behind },
    },
  };
}

const gist = ({ subject, validFromDate, validToDate }: X509Certificate) => ({
  subject: subject.replaceAll('\n', ', '),
  notBefore: validFromDate.toISOString(),
  notAfter: validToDate.toISOString(),
});
