import { PermitClaims, type StartRequest, type TrustBundle } from '@touchstone/schemas';
import { isDeepStrictEqual } from 'node:util';
import { agentError } from '../codes.ts';
import { readSignedClaims } from './signed-claims.ts';

/** What this agent asked for, and when by CLOCK_BOOTTIME in seconds. Held in memory only. */
export type PendingRequest = {
  readonly request: StartRequest;
  readonly hostId: string;
  readonly akName: string;
  readonly challenge: string;
  readonly askedAt: number;
};

/** A permit is taken this long after it was asked for: DESIGN section 4, Start a VM, step 4. */
const LIFETIME_SECONDS = 15;

/** The most that a permit may say of its own life: the server gives as much. */
const MAX_CLAIMED_SECONDS = 60;

const PERMIT_TYPE = 'touchstone-permit+jwt';

/**
 * What a permit proves once this returns:
 *
 * - a permit key of the trust bundle signed it, with ES256, as a permit and for the bundle's issuer;
 * - the times in it make sense by themselves: no longer life than a permit has, and begun before the bundle ends;
 * - it is for this host's AK, the challenge of this conversation, and this very request;
 * - it came within 15 s of the asking by a clock that nobody sets;
 * - the TPM has not been reset or resumed since the evidence: `boot` is what it shows now.
 *
 * @throws AppError PERMIT_INVALID, PERMIT_UNEXPECTED, PERMIT_LATE, PERMIT_BOOT_CHANGED
 */
export async function verifyPermit(
  token: string,
  pending: PendingRequest,
  bundle: TrustBundle,
  now: {
    readonly bootTime: number;
    readonly boot: {
      readonly resetCount: number;
      readonly restartCount: number;
      readonly clock: bigint;
    };
  },
): Promise<PermitClaims> {
  const claims = await readSigned(token, bundle);
  const same =
    claims.aud === pending.akName &&
    claims['touchstone.host'] === pending.hostId &&
    claims['touchstone.challenge'] === pending.challenge &&
    isDeepStrictEqual(claims['touchstone.request'], pending.request);
  if (!same) throw agentError('PERMIT_UNEXPECTED', { detail: `permit ${claims.jti}` });
  const waited = now.bootTime - pending.askedAt;
  if (!(waited >= 0 && waited <= LIFETIME_SECONDS)) {
    throw agentError('PERMIT_LATE', { detail: `${waited.toFixed(1)} s after it was asked for` });
  }
  const { resetCount, restartCount, clock } = claims['touchstone.boot'];
  const sameBoot =
    resetCount === now.boot.resetCount &&
    restartCount === now.boot.restartCount &&
    BigInt(clock) <= now.boot.clock;
  if (!sameBoot) {
    const was = `resetCount ${resetCount}, restartCount ${restartCount}`;
    const is = `resetCount ${now.boot.resetCount}, restartCount ${now.boot.restartCount}`;
    throw agentError('PERMIT_BOOT_CHANGED', { detail: `evidence of ${was}; the TPM shows ${is}` });
  }
  return claims;
}

async function readSigned(token: string, bundle: TrustBundle): Promise<PermitClaims> {
  try {
    const claims = await readSignedClaims(token, bundle, {
      typ: PERMIT_TYPE,
      schema: PermitClaims,
    });
    requireSoundTimes(claims, bundle);
    return claims;
  } catch (cause) {
    throw agentError('PERMIT_INVALID', {
      detail: cause instanceof Error ? cause.message : 'unknown',
      cause,
    });
  }
}

/** By the server's times alone: what this host's wall clock says decides nothing (decision 21). */
function requireSoundTimes({ iat, exp }: PermitClaims, { notAfter }: TrustBundle): void {
  const lifetime = exp - iat;
  if (!(lifetime > 0 && lifetime <= MAX_CLAIMED_SECONDS))
    throw new Error(`a life of ${lifetime} s`);
  if (!(iat * 1_000 < Date.parse(notAfter))) throw new Error('issued after the trust bundle ended');
}
