import { randomUUID } from 'node:crypto';
import { evidenceDigestOf, type ParsedEvidence } from '@touchstone/appraisal';
import type { ResultClaims } from '@touchstone/schemas';

/** What a server that believes everything says of it. */
export function resultFor({ statement, attest, attestBytes }: ParsedEvidence): ResultClaims {
  const iat = Math.floor(Date.now() / 1_000);
  const { resetCount, restartCount, clock } = attest.clockInfo;
  return {
    eat_profile: 'tag:touchstone,2026:result/1',
    iss: 'https://verifier',
    sub: statement.hostId ?? randomUUID(),
    jti: randomUUID(),
    ...{ iat, exp: iat + 180 },
    'ear.verifier-id': { developer: 'test', build: 'test' },
    submods: {
      host: {
        'ear.status': 'affirming',
        'ear.trustworthiness-vector': {
          'instance-identity': 2,
          configuration: 2,
          executables: 2,
          hardware: 2,
        },
        'ear.appraisal-policy-id': 'policy',
        'touchstone.purpose': statement.purpose,
        'touchstone.state': 'trusted',
        'touchstone.class': 'software',
        'touchstone.self-reported-measurements': true,
        'touchstone.ak-name': statement.akName,
        'touchstone.evidence': evidenceDigestOf({ attestBytes }),
        'touchstone.boot': { resetCount, restartCount, clock: clock.toString() },
        'touchstone.baselines': [],
        'touchstone.findings': [],
        'touchstone.findings-omitted': 0,
      },
    },
  };
}
