import { type AkCertificate, parseAkCertificate } from '@touchstone/endorsement';
import { parseTpm2bPublic, type TpmtPublic } from '@touchstone/tpm';
import type { Host } from '../store/host.ts';
import { isAdmitted } from './host-state.ts';

/** A host's AK and its certificate, read. Whether to believe them is asked each time. */
export type Identity = { readonly akPublic: TpmtPublic; readonly akCertificate: AkCertificate };

type Recorded = Pick<Host, 'akName' | 'akPublic' | 'akCertificate' | 'state'>;

/** Some tens of kilobytes each. */
const MOST = 8_192;

/**
 * Reads what a host's row has of its identity, and keeps it while the row says the same, byte for byte: of
 * the hosts that somebody admitted, those that attested last.
 */
export function knownIdentities(most = MOST): (host: Recorded) => Identity {
  const kept = new Map<string, { readonly of: Recorded; readonly identity: Identity }>();
  return (host) => {
    const before = kept.get(host.akName);
    kept.delete(host.akName);
    const identity =
      before !== undefined && isSame(before.of, host) ? before.identity : identityIn(host);
    if (isAdmitted(host)) kept.set(host.akName, { of: host, identity });
    for (const [oldest] of kept) {
      if (kept.size <= most) break;
      kept.delete(oldest);
    }
    return identity;
  };
}

const isSame = (a: Recorded, b: Recorded): boolean =>
  Buffer.compare(a.akPublic, b.akPublic) === 0 &&
  Buffer.compare(a.akCertificate, b.akCertificate) === 0;

const identityIn = ({ akPublic, akCertificate }: Recorded): Identity => ({
  akPublic: parseTpm2bPublic(akPublic),
  akCertificate: parseAkCertificate(akCertificate),
});
