import type { TrustBundle } from '@touchstone/schemas';
import { agentError } from './codes.ts';
import { ownNetwork } from './network.ts';
import { requireReplacement } from './replacement-bundle.ts';
import { HeldEnrolment } from './state/held-enrolment.ts';
import { readEnrolment } from './state/identity.ts';
import { takeFirstBundle } from './trust-bundle.ts';

export type TrustInput = {
  readonly stateDir: string;
  /** Of the server's TLS key; a person compared it with what the deployment shows. */
  readonly fingerprint: string;
  /** The person also says that the CA's anchor is another one on purpose. */
  readonly newAnchor: boolean;
};

type Pinned = { readonly fingerprint: string; readonly bundle: TrustBundle };
export type TrustOutcome = { readonly before: Pinned; readonly after: Pinned };

/**
 * Takes the server's key and trust bundle anew, by a person's word and by nothing that is held: for a server that
 * lost its key, and a deployment whose keys were taken. What is held stays until all of the new is here, and then
 * both change in one rename.
 * @throws AppError NOT_ENROLLED, TRUST_BUNDLE_REFUSED, TRUST_BUNDLE_EXPIRED, PIN_MISMATCH
 */
export async function trustAnew(input: TrustInput): Promise<TrustOutcome> {
  const { stateDir, fingerprint, newAnchor } = input;
  const enrolment = await readEnrolment(stateDir);
  if (enrolment === null) throw agentError('NOT_ENROLLED', { detail: stateDir });
  const before = { fingerprint: enrolment.fingerprint, bundle: enrolment.trustBundle };
  // The connection itself vouches for the bundle: no courier's word would do.
  const client = ownNetwork.pinned({ url: enrolment.server, pin: () => [fingerprint] });
  try {
    const bundle = await takeFirstBundle(client);
    requireReplacement(before.bundle, bundle, newAnchor);
    await new HeldEnrolment(stateDir, enrolment).change({ fingerprint, trustBundle: bundle });
    return { before, after: { fingerprint, bundle } };
  } finally {
    await client.close();
  }
}
