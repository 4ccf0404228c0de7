import { X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import { checkAgainst, TrustBundle } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { ExpiryCode } from '../codes/expiry-codes.ts';
import {
  type Ending,
  endingApiTokens,
  endingBaselines,
  endingJoinTokens,
  hostsThatDoNotRenew,
} from '../store/expiries.ts';
import type { Verifier } from './verifier.ts';

const DAY_MS = 86_400_000;

/** Days before the end at which people are told; 0 is the end itself. */
const THRESHOLDS = [0, 1, 7, 30] as const;
/** AK certificates live for a week and are renewed by its middle: two days before its end that is overdue. */
const AK_THRESHOLDS = [0, 1, 2] as const;
const AK_OVERDUE_MS = 2 * DAY_MS;
/** What ended longer ago than this is no news. */
const NEWS_MS = 30 * DAY_MS;

export type Expiry = Ending & {
  readonly code: ExpiryCode;
  /** The threshold that has been passed last. */
  readonly daysBefore: number;
};

type Watcher = Pick<Verifier, 'database' | 'clock' | 'issuers' | 'bundles' | 'settings'>;

/** All that has ended or ends soon, as things are now. */
export const currentExpiries = async (watcher: Watcher): Promise<readonly Expiry[]> =>
  (await lookForExpiries(watcher)).expiries;

/** `unseen`: of these nobody knows at the moment whether anything ends. */
export async function lookForExpiries(
  watcher: Watcher,
): Promise<{ readonly expiries: readonly Expiry[]; readonly unseen: readonly ExpiryCode[] }> {
  const { database } = watcher;
  const now = watcher.clock.now();
  const window = {
    after: new Date(now.getTime() - NEWS_MS),
    before: new Date(now.getTime() + 30 * DAY_MS),
  };
  const found: Record<ExpiryCode, readonly Ending[] | null> = {
    EXPIRY_BASELINE: await endingBaselines(database, window),
    EXPIRY_API_TOKEN: await endingApiTokens(database, window),
    EXPIRY_JOIN_TOKEN: await endingJoinTokens(database, window),
    EXPIRY_TLS_CERTIFICATE: [
      { subject: "the server's TLS certificate", ...watcher.settings.tlsCertificate },
    ],
    EXPIRY_CA_ISSUER: caCertificates(watcher),
    EXPIRY_TRUST_BUNDLE: newestTrustBundle(watcher),
    EXPIRY_AK_CERTIFICATE: await hostsThatDoNotRenew(database, { now, overdueMs: AK_OVERDUE_MS }),
  };
  const codes = Object.keys(found) as ExpiryCode[];
  const expiries = codes.flatMap((code) =>
    (found[code] ?? []).flatMap((ending) => {
      const daysBefore = thresholdOf(
        ending,
        code === 'EXPIRY_AK_CERTIFICATE' ? AK_THRESHOLDS : THRESHOLDS,
        now,
      );
      return daysBefore === undefined ? [] : [{ code, ...ending, daysBefore }];
    }),
  );
  return { expiries, unseen: codes.filter((code) => found[code] === null) };
}

/** A threshold counts for what lives at least twice as long; what has none ends without a word. */
function thresholdOf(
  { since, endsAt }: Ending,
  thresholds: readonly number[],
  now: Date,
): number | undefined {
  const left = (endsAt.getTime() - now.getTime()) / DAY_MS;
  const life = (endsAt.getTime() - since.getTime()) / DAY_MS;
  const counting = thresholds.filter((days) => days > 0 && life >= 2 * days);
  return counting.length === 0 ? undefined : [0, ...counting].find((days) => left <= days);
}

function caCertificates({ issuers }: Watcher): Ending[] | null {
  const known = orNothing(() => issuers.known());
  if (known === null) return null;
  const held = known.issuers.filter(({ state }) => state !== 'refused');
  return [
    ...held.map(({ keyId, certificate, state }) =>
      endingOf(certificate, `key of the CA ${keyId} (${state})`),
    ),
    ...known.anchors.map((anchor) => {
      const certificate = new X509Certificate(anchor);
      return endingOf(anchor, `root of the CA ${certificate.serialNumber.toLowerCase()}`);
    }),
  ];
}

function endingOf(certificate: Uint8Array | string, subject: string): Ending {
  const { validFromDate: since, validToDate: endsAt } = new X509Certificate(certificate);
  return { subject, since, endsAt };
}

function newestTrustBundle({ bundles }: Watcher): Ending[] | null {
  const newest = orNothing(() => bundles.current());
  if (newest === null) return null;
  const { notAfter } = checkAgainst(TrustBundle, decodeJwt(newest.jws));
  const subject = `trust bundle ${newest.epoch}`;
  return [{ subject, since: newest.createdAt, endsAt: new Date(notAfter) }];
}

/** That it is not known yet is said elsewhere. */
function orNothing<T>(known: () => T): T | null {
  try {
    return known();
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}
