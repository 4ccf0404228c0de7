import { type AttestationResult, canonicalJson, resultClaims } from '@touchstone/appraisal';
import { checkAgainst, HostState, ResultClaims, type StoredVerdict } from '@touchstone/schemas';
import { isSigned, payloadOf, type ResultKeys } from './result-signature.ts';
import { storedFindings, unadvised } from './stored-findings.ts';

/** Whether the server signed this very result: all that it claims, but for who issued it and with what build. */
export function isSignedResultOf(
  stored: StoredVerdict,
  result: AttestationResult,
  keys: ResultKeys,
): boolean {
  return isTrueOf(stored, keys, (claimed) => {
    const expected = resultClaims(result, {
      issuer: claimed.iss,
      build: claimed['ear.verifier-id'].build,
      hostId: stored.hostId,
      state: checkAgainst(HostState, stored.state),
      id: stored.id,
      now: new Date(stored.at),
    });
    return canonicalJson(withoutAdvice(claimed)) === canonicalJson(withoutAdvice(expected));
  });
}

/** Whether the server signed what the record says, as far as both say it: for a verdict that is not made again. */
export function isSignedAsStored(stored: StoredVerdict, keys: ResultKeys): boolean {
  const findings = storedFindings(stored);
  if (findings === null) return false;
  return isTrueOf(stored, keys, ({ sub, jti, iat, submods: { host } }) => {
    const claimed = [
      ...[sub, jti, iat, host['ear.status'], host['ear.appraisal-policy-id']],
      ...[host['touchstone.state'], host['touchstone.evidence']],
      ...[host['touchstone.self-reported-measurements'], host['touchstone.baselines']],
      unadvised(host['touchstone.findings'].slice(0, findings.most)),
    ];
    const recorded = [
      ...[stored.hostId, stored.id, Math.floor(Date.parse(stored.at) / 1_000)],
      ...[stored.verdict, stored.policyId, stored.state, stored.evidenceDigest],
      ...[stored.selfReported, stored.baselines, findings.found],
    ];
    return canonicalJson(claimed) === canonicalJson(recorded);
  });
}

/** Whatever cannot be read is not what the server writes. */
function isTrueOf(
  { result }: StoredVerdict,
  keys: ResultKeys,
  holds: (claimed: ResultClaims) => boolean,
): boolean {
  try {
    return isSigned(result, keys) && holds(checkAgainst(ResultClaims, payloadOf(result)));
  } catch {
    return false;
  }
}

function withoutAdvice({ submods: { host }, ...claims }: ResultClaims): object {
  const findings = unadvised(host['touchstone.findings']);
  return { ...claims, host: { ...host, 'touchstone.findings': findings } };
}
