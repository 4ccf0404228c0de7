import { isDeepStrictEqual } from 'node:util';
import type { TrustBundle } from '@touchstone/schemas';
import { agentError } from './codes.ts';

/**
 * A bundle that is not later than the held one would take back keys that were withdrawn. It may be the same one,
 * where only the TLS key changed; or that of a CA made anew, whose epochs begin again, when the person says so.
 * @throws AppError TRUST_BUNDLE_REFUSED
 */
export function requireReplacement(
  held: TrustBundle,
  given: TrustBundle,
  newAnchor: boolean,
): void {
  if (given.epoch > held.epoch || isDeepStrictEqual(given, held)) return;
  const known = held.anchors.map(contentOf);
  const anchorIsNew = given.anchors.every((anchor) => !known.includes(contentOf(anchor)));
  if (anchorIsNew && newAnchor) return;
  const detail = `epoch ${given.epoch} in place of ${held.epoch}`;
  throw agentError('TRUST_BUNDLE_REFUSED', {
    detail,
    ...(anchorIsNew
      ? {
          remedy:
            'Its CA anchor is another one too. If the CA was made anew on purpose, say so: --new-anchor.',
        }
      : {}),
  });
}

/** Of PEM, however it is broken into lines: RFC 7468, 2. */
const contentOf = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/gu, '');
