import type { TrustBundle } from '@touchstone/schemas';
import type { Verifier } from './verifier.ts';

const VALID_MS = 365 * 86_400_000;

/**
 * Every key that an agent must know, taken over the connection that the operator's fingerprint pins.
 * @throws AppError ISSUERS_UNKNOWN
 */
export function trustBundle({
  clock,
  issuers,
  resultKey,
  permitKey,
  settings,
}: Verifier): TrustBundle {
  return {
    schema: 'touchstone/trust-bundle/1',
    epoch: 1,
    notAfter: new Date(clock.now().getTime() + VALID_MS).toISOString(),
    issuer: settings.publicUrl,
    ca: { url: settings.ca.url, pin: settings.ca.pin },
    anchors: [...issuers.known().anchors],
    keys: [
      { use: 'result', jwk: resultKey.jwk },
      { use: 'permit', jwk: permitKey.jwk },
    ],
  };
}
