import { X509Certificate } from 'node:crypto';
import { agentError } from './codes.ts';

/**
 * That one of the held anchors vouches for the first of these certificates, by way of any of the others, in whatever
 * order they come. While the CA's root changes, one of them may be the new root's key signed by the old root: an
 * agent that holds only the old anchor believes the new one by it. Nobody but a held anchor vouches for anything, each
 * certificate is used once in a path, so that no loop of them has an end to be waited for, and a name decides nothing
 * without the signature. Dates are not looked at: this host's clock may be years off.
 * @throws AppError CERTIFICATE_UNTRUSTED
 */
export function requireVouched(certificates: readonly string[], anchors: readonly string[]): void {
  const [leaf, ...others] = certificates.map((pem) => new X509Certificate(pem));
  const roots = anchors.map((pem) => new X509Certificate(pem));
  if (leaf !== undefined && !leaf.ca && isVouchedFor(leaf, others, roots)) return;
  throw agentError('CERTIFICATE_UNTRUSTED', { status: 502 });
}

function isVouchedFor(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): boolean {
  if (roots.some((root) => isIssuer(root, certificate))) return true;
  return others.some(
    (issuer) =>
      isIssuer(issuer, certificate) &&
      isVouchedFor(
        issuer,
        others.filter((other) => other !== issuer),
        roots,
      ),
  );
}

/** By name, key identifiers, basicConstraints and keyUsage (checkIssued is X509_check_issued(3)), and signature. */
const isIssuer = (issuer: X509Certificate, issued: X509Certificate): boolean =>
  issuer.ca && issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
