import { policyOfClass } from '@touchstone/endorsement';
import { checkAgainst, type HostState, ResultClaims } from '@touchstone/schemas';
import type { AttestationResult } from './appraise-evidence.ts';

/** Seconds for which a result may be relied on: three intervals of a minute. */
const TTL_SECONDS = 180;

/** What a result cannot know of itself. */
export type ResultIssue = {
  /** The verifier's URL. */
  readonly issuer: string;
  readonly hostId: string;
  readonly state: HostState;
  /** Becomes `jti`. */
  readonly id: string;
  readonly now: Date;
  readonly build: string;
};

/**
 * The claims of a result's JWT, in the shape of EAR (draft-ietf-rats-ear, section 3). `iat` and `exp` are
 * seconds of RFC 7519. @throws SchemaError: claims that would break their own schema are never signed.
 */
export function resultClaims(result: AttestationResult, issue: ResultIssue): ResultClaims {
  const iat = Math.floor(issue.now.getTime() / 1_000);
  return checkAgainst(ResultClaims, {
    eat_profile: 'tag:touchstone,2026:result/1',
    iss: issue.issuer,
    sub: issue.hostId,
    jti: issue.id,
    iat,
    exp: iat + TTL_SECONDS,
    'ear.verifier-id': { developer: 'Touchstone', build: issue.build },
    submods: {
      host: {
        'ear.status': result.verdict,
        'ear.trustworthiness-vector': result.vector,
        'ear.appraisal-policy-id': result.policyId,
        'touchstone.purpose': result.purpose,
        'touchstone.state': issue.state,
        'touchstone.class': result.class,
        'touchstone.class-policy': policyOfClass(result.class),
        'touchstone.tpm': { ...result.tpm, advisories: [...result.tpm.advisories] },
        'touchstone.self-reported-measurements': result.selfReportedMeasurements,
        'touchstone.ak-name': result.akName,
        'touchstone.evidence': result.evidence,
        'touchstone.boot': {
          resetCount: result.boot.resetCount,
          restartCount: result.boot.restartCount,
          clock: result.boot.clock.toString(),
        },
        'touchstone.boot-state': result.bootState,
        'touchstone.baselines': [...result.baselines],
        ...(result.windows.length === 0 ? {} : { 'touchstone.windows': [...result.windows] }),
        'touchstone.findings': [...result.findings],
        'touchstone.findings-omitted': result.findingsOmitted,
      },
    },
  });
}
