import type { TrustBundle } from '@touchstone/schemas';
import type { Logger } from 'pino';
import type { HeldEnrolment } from './state/held-enrolment.ts';
import type { Enrolment } from './state/identity.ts';

/**
 * TLS keys of the server that this host takes: those of the trust bundle that is held, and the one that it was
 * enrolled with or has settled on since. Behind a proxy with a key of its own, of which no bundle knows, that is the
 * one.
 */
export const serverPinsOf = ({
  fingerprint,
  trustBundle: { tls },
}: Pick<Enrolment, 'fingerprint' | 'trustBundle'>): readonly string[] => [
  ...new Set([fingerprint, ...(tls?.server ?? [])]),
];

/** TLS keys of the CA, by the trust bundle alone. */
export const caPinsOf = ({ tls, ca }: TrustBundle): readonly string[] => tls?.ca ?? [ca.pin];

/**
 * Once the server has shown another key of the bundle, and the bundle does not name the old one any more, the old one
 * is good for nothing.
 */
export function settlePin(held: HeldEnrolment, pin: string, log: Logger): void {
  const { fingerprint, trustBundle } = held.current;
  const named = trustBundle.tls?.server ?? [];
  if (pin === fingerprint || !named.includes(pin) || named.includes(fingerprint)) return;
  held.change({ fingerprint: pin }).then(
    () => log.info({ was: fingerprint, is: pin }, 'the server has another TLS key'),
    (err: unknown) => log.warn({ err }, 'the other TLS key was not written down'),
  );
}
