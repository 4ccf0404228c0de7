import type { TpmSession } from 'node-tpm2-tss-bindings';
import type { Attester } from '../tpm/attester.ts';

/** A policy session that a release key is made for: `nonce` is its nonceTPM, which the statement carries. */
export type ReleaseSession = {
  readonly nonce: Buffer;
  readonly session: TpmSession;
  /** Does not throw: a TPM that is gone has no session either. */
  close(): Promise<void>;
};

/** Salted to the EK, so that nobody on the bus reads what is unsealed in it. It serves once, and for one boot. */
export const openReleaseSession = (attester: Pick<Attester, 'use'>): Promise<ReleaseSession> =>
  attester.use(async (tpm, ek) => {
    // The hash is the release key's nameAlg, whatever the EK's is.
    const session = await tpm.startPolicySession({ saltKey: ek.object, hash: 'sha256' });
    const close = () => tpm.flush(session).catch(() => undefined);
    try {
      return { nonce: Buffer.from(await tpm.sessionNonce(session)), session, close };
    } catch (error) {
      await close();
      throw error;
    }
  });
