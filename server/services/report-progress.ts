import { CaProgressAnswer, type CaProgress, type CaProgressReport } from '@touchstone/schemas';
import { AppError, type Client } from '@touchstone/transport';
import { claimCaReport } from '../store/ca-reports.ts';
import { fleetByIssuer } from './fleet-by-issuer.ts';
import type { Reporters } from './signing-keys.ts';
import type { Verifier } from './verifier.ts';

/** Of several replicas one reports, and none more often than this. */
const LEAST_BETWEEN_SECONDS = 1.5;
const MAX_ISSUERS = 32;
const KEY_ID = /^[0-9a-f]{40,64}$/u;

export type ProgressParts = Pick<
  Verifier,
  'database' | 'clock' | 'settings' | 'issuers' | 'bundles' | 'log'
> & {
  readonly ca: Client;
  readonly signing: { readonly reporters: Reporters };
};

/** What the CA is to know of the fleet. It goes by that for the progress of a rotation and for nothing else. */
async function caProgress(
  viewer: Omit<ProgressParts, 'ca' | 'signing' | 'log'>,
): Promise<Omit<CaProgress, 'nextKey'>> {
  const { known, bundle, hosts, behind, issuers } = await fleetByIssuer(viewer);
  return {
    schema: 'touchstone/ca-progress/1',
    at: viewer.clock.now().toISOString(),
    // Every replica looks for a newer one in the transaction that takes evidence.
    caEpoch: known.epoch,
    trustBundleEpoch: bundle.epoch,
    hosts,
    behind,
    issuers: [...issuers]
      .filter(([keyId]) => KEY_ID.test(keyId))
      .slice(0, MAX_ISSUERS)
      .map(([keyId, { hosts: held, vms }]) => ({ keyId, hosts: held, vms })),
  };
}

/**
 * Reports to the CA, if no replica just did. After the key that signs reports has turned, the CA may know only the one
 * before: that one, which is not withdrawn yet, names the one that signs from now on. True: hosts that are there have
 * still to leave an issuer.
 */
async function reportProgress(parts: ProgressParts): Promise<boolean> {
  if (!(await claimCaReport(parts.database, LEAST_BETWEEN_SECONDS))) return false;
  const progress = await caProgress(parts);
  const active = parts.issuers.known().issuers.filter(({ state }) => state === 'active');
  const hostsFollow = progress.issuers.some(
    ({ keyId, hosts }) =>
      hosts.count > hosts.away && !active.some((issuer) => issuer.keyId === keyId),
  );
  const { active: signer, retired, next } = parts.signing.reporters;
  const signers = [
    { key: signer, nextKey: next },
    ...retired.map((key) => ({ key, nextKey: signer.jwk })),
  ];
  for (const [index, { key, nextKey }] of signers.entries()) {
    const claims: CaProgress = { ...progress, ...(nextKey === undefined ? {} : { nextKey }) };
    const body: CaProgressReport = { report: key.sign(claims) };
    try {
      const to = { method: 'POST', path: '/v1/progress', schema: CaProgressAnswer } as const;
      const { epoch } = await parts.ca.request({ ...to, body });
      if (epoch > progress.caEpoch) await parts.issuers.pollSoon();
      return hostsFollow;
    } catch (error) {
      const isForeign = error instanceof AppError && error.code === 'PROGRESS_FOREIGN';
      if (!isForeign || index === signers.length - 1) throw error;
    }
  }
  return hostsFollow;
}

/** A failure is told once, and again when it is another one or came back. */
export function progressReporter(parts: ProgressParts): () => Promise<boolean> {
  let told = '';
  return async () => {
    try {
      const hostsFollow = await reportProgress(parts);
      told = '';
      return hostsFollow;
    } catch (error) {
      const code = error instanceof AppError ? error.code : String(error);
      if (code !== told)
        parts.log.warn({ err: error }, 'the CA was not told how far the hosts are');
      told = code;
      return false;
    }
  };
}
