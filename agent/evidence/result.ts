import { compactVerify, importJWK } from 'jose';
import { checkAgainst, parseStrictJson, ResultClaims, type TrustBundle } from '@touchstone/schemas';
import { agentError } from '../codes.ts';

const RESULT_TYPE = 'touchstone-result+jwt';

/** What was sent, and by whom. `evidence`: SHA-256 of the quote's TPMS_ATTEST, hex. */
export type ResultFor = {
  readonly hostId: string;
  readonly akName: string;
  readonly evidence: string;
};

/**
 * What an attestation result proves once this returns: a result key of the trust bundle signed it, as a result, for the
 * bundle's issuer; and it is about this host, its AK, and the very evidence that was sent now. Whoever carried it
 * could have kept it back, and not made it.
 * @throws AppError RESULT_INVALID
 */
export async function verifyResult(
  token: string,
  bundle: TrustBundle,
  expected: ResultFor,
): Promise<ResultClaims> {
  try {
    const { payload, protectedHeader } = await compactVerify(
      token,
      async ({ kid }) => {
        const keys = bundle.keys.filter(({ use, jwk }) => use === 'result' && jwk.kid === kid);
        const [key] = keys;
        if (key === undefined || keys.length !== 1) throw new Error('no such result key');
        return importJWK(key.jwk, 'ES256');
      },
      { algorithms: ['ES256'] },
    );
    if (protectedHeader.typ !== RESULT_TYPE) throw new Error('not a result');
    const claims = checkAgainst(ResultClaims, parseStrictJson(payload));
    if (claims.iss !== bundle.issuer) throw new Error(`issued by ${claims.iss}`);
    const { host } = claims.submods;
    const same =
      claims.sub === expected.hostId &&
      host['touchstone.ak-name'] === expected.akName &&
      host['touchstone.evidence'] === expected.evidence;
    if (!same) throw new Error('it is about other evidence');
    return claims;
  } catch (cause) {
    throw agentError('RESULT_INVALID', {
      detail: cause instanceof Error ? cause.message : 'unknown',
      cause,
    });
  }
}
