import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { exchangeError } from './client.ts';

/** SHA-256 of a certificate's SubjectPublicKeyInfo, lower-case hex: what `--fingerprint` names. */
export function spkiPinOf(certificate: string | X509Certificate): string {
  const parsed = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  const spki = parsed.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/** Of the key that the peer has shown that it holds; empty where it shows none. */
export function pinOf(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? '' : spkiPinOf(certificate);
}

/**
 * Proves that the peer holds the private key of one of the public keys that were pinned, and gives its pin: TLS has
 * verified the handshake's signature with the key in the certificate, and that key is a pinned one. Names and issuers
 * play no part.
 * @throws AppError PIN_MISMATCH
 */
export function checkPin(socket: TLSSocket, pins: readonly string[]): string {
  const actual = pinOf(socket);
  const isActual = (pin: string) =>
    actual.length === pin.length && timingSafeEqual(Buffer.from(actual), Buffer.from(pin));
  if (actual !== '' && pins.some(isActual)) return actual;
  const presented = actual === '' ? 'no certificate' : actual;
  throw exchangeError('PIN_MISMATCH', `pinned ${pins.join(' or ')}, presented ${presented}`);
}
