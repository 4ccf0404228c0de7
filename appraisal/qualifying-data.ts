import { hash } from '@touchstone/tpm';
import type { Purpose } from '@touchstone/schemas';

const MAX_CHALLENGE = 0xffff;

/**
 * extraData of a quote: SHA-256("touchstone/" purpose "/1" NUL || u16(length) challenge ||
 * SHA-256(statement)). The purpose separates domains; the statement is taken as the bytes that were
 * received, before anybody parses them. The length is big-endian.
 */
export function qualifyingDataOf(
  purpose: Purpose,
  challenge: Uint8Array,
  statementBytes: Uint8Array,
): Uint8Array {
  if (challenge.length > MAX_CHALLENGE) throw new RangeError('a challenge over 65535 bytes');
  const length = Uint8Array.of(challenge.length >> 8, challenge.length & 0xff);
  return hash('sha256', domainOf(purpose), length, challenge, hash('sha256', statementBytes));
}

const DOMAINS = new Map<Purpose, Uint8Array>();

/** There are four. */
function domainOf(purpose: Purpose): Uint8Array {
  let domain = DOMAINS.get(purpose);
  if (domain === undefined) {
    domain = Buffer.from(`touchstone/${purpose}/1\0`, 'utf8');
    DOMAINS.set(purpose, domain);
  }
  return domain;
}
