import { X509Certificate } from 'node:crypto';

/** Of a certificate's life: the earliest and the latest point at which it is renewed. DESIGN 4, Enrol 5. */
const EARLIEST = 1 / 3;
const LATEST = 1 / 2;

/**
 * When to renew a certificate: at a random point of that span, so that a fleet that enrolled at once does not
 * come back at once. `random` is in [0, 1). One that cannot be read is renewed now.
 */
export function renewalTime(pem: string, random: number): Date {
  const certificate = readable(pem);
  if (certificate === null) return new Date(0);
  const { validFromDate, validToDate } = certificate;
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  return new Date(validFromDate.getTime() + lifeMs * (EARLIEST + random * (LATEST - EARLIEST)));
}

/** When it has been renewed at the latest, unless something is wrong. */
export const latestRenewal = (pem: string): Date => renewalTime(pem, 1);

function readable(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}
