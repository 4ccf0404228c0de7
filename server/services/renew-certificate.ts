import { X509Certificate } from 'node:crypto';
import {
  type AkCertificate,
  type AkCertificateInput,
  ENDORSEMENT_CODES,
  parseAkCertificate,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import type { CertificateRenewal, CertificateRenewalAnswer } from '@touchstone/schemas';
import { parseTpm2bPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Host } from '../store/host.ts';
import { setCertificate } from '../store/host-changes.ts';
import { lockHost } from '../store/hosts.ts';
import { issuersFor } from './issuer-standing.ts';
import { revocationFor } from './revocation-lists.ts';
import type { Verifier } from './verifier.ts';

/**
 * PUT /v1/hosts/{id}/certificate, DESIGN 4, Enrol 5. Changes the certificate of a known host and nothing else:
 * not its state, not its key, not its mark. Anybody may bring it, for it proves itself:
 *
 * - an issuer of the list signed it, and it holds now;
 * - it is for the recorded AK, the recorded ekRef and the recorded class;
 * - it was issued after the one that is there, unless that one holds no more: whoever kept an older one
 *   cannot bring it back.
 *
 * @throws AppError HOST_UNKNOWN, HOST_REVOKED, CERTIFICATE_DIFFERS, CERTIFICATE_OLDER, AK_CERT_*
 */
export async function renewCertificate(
  verifier: Verifier,
  hostId: string,
  { certificates }: CertificateRenewal,
): Promise<CertificateRenewalAnswer> {
  const now = verifier.clock.now();
  const offered = readAkCertificate(certificates[0]);
  await verifier.issuers.recalled();
  const { issuers } = await issuersFor(verifier, offered.issuerKeyId);
  const revocation = await revocationFor(verifier.revocation, offered);
  const against = { issuers, revocation, now };
  const outcome = await verifier.database.transaction(async (on) => {
    const host = await lockHost(on, hostId);
    if (host === null) throw refusal('HOST_UNKNOWN', { detail: hostId });
    if (host.state === 'revoked') throw refusal('HOST_REVOKED');
    if (Buffer.compare(host.akCertificate, offered.der) === 0) return 'held';
    requireBelieved(offered, host, against);
    const differing = differenceFrom(host, offered);
    if (differing !== null) {
      const alert = { code: 'CERTIFICATE_DIFFERS', subject: host.name, detail: differing };
      await raiseAlert(on, alert, now);
      return { differing };
    }
    requireNewer(offered, host, against);
    await setCertificate(on, host.id, offered.der);
    const line = { actor: `host ${host.name}`, action: 'host.certificate', subject: host.name };
    const detail = `serial ${offered.serial}, until ${offered.notAfter.toISOString()}`;
    await appendAudit(on, { ...line, detail }, now);
    return 'renewed';
  });
  if (typeof outcome === 'object') {
    throw refusal('CERTIFICATE_DIFFERS', { detail: outcome.differing });
  }
  return { hostId, notAfter: offered.notAfter.toISOString() };
}

/** @throws AppError AK_CERT_PROFILE */
export function readAkCertificate(pem = ''): AkCertificate {
  let der: Uint8Array;
  try {
    der = new X509Certificate(pem).raw;
  } catch (cause) {
    throw new AppError('AK_CERT_PROFILE', 400, {
      title: 'The AK certificate is no certificate',
      field: 'certificates/0',
      cause,
    });
  }
  return parseAkCertificate(der);
}

/** What a certificate is held against now. */
type Against = Pick<AkCertificateInput, 'issuers' | 'revocation' | 'now'>;

function requireBelieved(certificate: AkCertificate, { akPublic }: Host, against: Against): void {
  const [problem] = problemsOf(certificate, akPublic, against);
  if (problem === undefined) return;
  const { title, remedy } = ENDORSEMENT_CODES[problem.code];
  const { subject, actual } = problem;
  throw new AppError(problem.code, 422, {
    ...{ title, remedy: problem.remedy ?? remedy },
    detail: actual === undefined ? subject : `${subject}: ${actual}`,
  });
}

const problemsOf = (certificate: AkCertificate, akPublic: Uint8Array, against: Against) =>
  verifyAkCertificate({ certificate, akPublic: parseTpm2bPublic(akPublic), ...against });

/** That the AK is the recorded one is checked with the signature. */
function differenceFrom(host: Host, { ekRef, class: offered }: AkCertificate): string | null {
  if (ekRef !== host.ekRef) return `ekRef ${ekRef}, recorded ${host.ekRef}`;
  if (offered !== host.class) return `class ${offered}, recorded ${host.class}`;
  return null;
}

function requireNewer(offered: AkCertificate, host: Host, against: Against): void {
  const held = parseAkCertificate(host.akCertificate);
  if (offered.notBefore > held.notBefore) return;
  if (problemsOf(held, host.akPublic, against).length > 0) return;
  throw refusal('CERTIFICATE_OLDER', {
    detail: `from ${offered.notBefore.toISOString()}, recorded ${held.notBefore.toISOString()}`,
  });
}
