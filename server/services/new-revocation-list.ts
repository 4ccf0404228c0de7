import {
  ENDORSEMENT_CODES,
  type Issuer,
  parseRevocationList,
  type RevocationList,
  verifyRevocationList,
} from '@touchstone/endorsement';
import { ParseError } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';

/** The CA's clock and this one are each within a few seconds of the time. */
const SKEW_SECONDS = 300;
/** An AK certificate lives for seven days: what was revoked longer ago has ended, and may leave its list. */
const ENTRY_MS = 8 * 86_400_000;

/**
 * A list that was fetched for a place, if it may take the place of the one that is held. It may where
 *
 * - it is of that place, in our CA's form, and its issuer, who is believed, signed it: `verifyRevocationList`;
 * - its number is greater than the held one's;
 * - it has whatever is revoked on that one and may not have ended: no revocation is taken back.
 *
 * @throws AppError CRL_OLDER, CRL_OTHER_PLACE, CRL_*, and those of malformed bytes
 */
export function newRevocationList(
  der: Uint8Array,
  expected: {
    readonly key: string;
    readonly issuers: readonly Issuer[];
    readonly held: RevocationList | undefined;
    readonly now: Date;
  },
): RevocationList {
  const { key, issuers, held, now } = expected;
  const list = parsed(der);
  if (list.place.key !== key)
    throw refusal('CRL_OTHER_PLACE', { detail: `${list.place.key}, not ${key}` });
  const [problem] = verifyRevocationList({ list, issuers, now, skewSeconds: SKEW_SECONDS });
  if (problem !== undefined) {
    const { title, remedy } = ENDORSEMENT_CODES[problem.code];
    throw new AppError(problem.code, 502, { title, remedy, detail: key });
  }
  if (held !== undefined) requireSuccessor(list, held);
  return list;
}

function requireSuccessor(list: RevocationList, held: RevocationList): void {
  const { key, url } = held.place;
  if (list.place.url !== url) throw refusal('CRL_OTHER_PLACE', { detail: key });
  if (list.number <= held.number) {
    throw refusal('CRL_OLDER', { detail: `${key}: number ${list.number} after ${held.number}` });
  }
  const endedBefore = list.thisUpdate.getTime() - ENTRY_MS;
  const missing = [...held.revoked].filter(
    ([serial, { at }]) => !list.revoked.has(serial) && at.getTime() >= endedBefore,
  );
  if (missing.length === 0) return;
  const detail = `${key}: number ${list.number} lacks ${missing.length} that number ${held.number} has`;
  throw refusal('CRL_OLDER', { detail });
}

function parsed(der: Uint8Array): RevocationList {
  try {
    return parseRevocationList(der);
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw new AppError('CRL_PROFILE', 502, {
      ...ENDORSEMENT_CODES.CRL_PROFILE,
      detail: `${cause.code}: ${cause.field}`,
      cause,
    });
  }
}
