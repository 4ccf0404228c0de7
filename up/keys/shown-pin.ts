import { once } from 'node:events';
import { connect } from 'node:tls';
import { spkiPinOf } from '@touchstone/transport';

const TIMEOUT_MS = 5_000;

/** Of the TLS key that this address shows to whoever connects now; null where none does. */
export async function shownPin(at: {
  readonly host: string;
  readonly port: number;
}): Promise<string | null> {
  // Nothing is said over it: the key is what is asked for.
  const socket = connect({ ...at, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  socket.on('error', () => undefined);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const certificate = socket.getPeerX509Certificate();
    return certificate === undefined ? null : spkiPinOf(certificate);
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}
