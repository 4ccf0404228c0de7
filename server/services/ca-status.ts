import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import { type CaStatus, checkAgainst, TrustBundle } from '@touchstone/schemas';
import { countHostsByBundle } from '../store/hosts.ts';
import { fleetByIssuer } from './fleet-by-issuer.ts';
import type { Verifier } from './verifier.ts';

const NOBODY = { hosts: { count: 0, away: 0, named: [] }, vms: { count: 0, named: [] } };

/**
 * As things are known here. Whoever looks is likely to look again: the CA is asked meanwhile, at most once a second.
 * @throws AppError ISSUERS_UNKNOWN before the first bundle came.
 */
export async function viewCaStatus(
  viewer: Pick<Verifier, 'issuers' | 'bundles' | 'database' | 'clock' | 'settings'>,
): Promise<CaStatus> {
  void viewer.issuers.pollSoon();
  const { known, behind, hosts, issuers, bundle } = await fleetByIssuer(viewer);
  const { epoch, notAfter } = checkAgainst(TrustBundle, decodeJwt(bundle.jws));
  const shown = await countHostsByBundle(viewer.database, epoch);
  return {
    epoch: known.epoch,
    anchors: known.anchors.map((pem) => {
      const certificate = new X509Certificate(pem);
      const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
      return { ...gist(certificate), fingerprint };
    }),
    issuers: known.issuers.map(({ keyId, certificate, state, reason = null }) => ({
      ...gist(new X509Certificate(certificate)),
      ...{ keyId, state, reason },
      ...(issuers.get(keyId) ?? NOBODY),
    })),
    hosts,
    trustBundle: {
      ...{ epoch, notAfter },
      ...{ hostsThere: shown.there, hostsBehind: shown.behind, withoutAnchors: behind },
    },
  };
}

const gist = ({ subject, validFromDate, validToDate }: X509Certificate) => ({
  subject: subject.replaceAll('\n', ', '),
  notBefore: validFromDate.toISOString(),
  notAfter: validToDate.toISOString(),
});
