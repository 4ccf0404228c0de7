import type {
  DiskName,
  PermitAnswer,
  PermitClaims,
  SealedDiskKey,
  TrustBundle,
} from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { openDiskKey } from '../keys/open-disk-key.ts';
import type { ReleaseSession } from '../keys/release-session.ts';
import { overwriteKeys } from '../keys/waiting-keys.ts';
import { unsealRelease } from '../keys/unseal-release.ts';
import type { Attester } from '../tpm/attester.ts';
import type { PermitBatchParts, PermitOutcome, PermitQuestion } from './permit-batch.ts';
import type { PermitExchange } from './permit-exchange.ts';

type KeyParts = Pick<PermitBatchParts, 'binding'> & {
  readonly attestation: { readonly attester: Pick<Attester, 'useWithRoom'> };
  readonly enrolment: { readonly trustBundle: Pick<TrustBundle, 'keys'> };
};

type Unsealing = {
  readonly outcomes: readonly PermitOutcome[];
  readonly questions: readonly PermitQuestion[];
  readonly exchange: Pick<PermitExchange, 'answered' | 'answers'>;
  readonly session: ReleaseSession | null;
};

/** The release key is unsealed once, if any permit comes with keys. A permit that lacks a key that it needs is none. */
export async function withKeys(parts: KeyParts, unsealing: Unsealing): Promise<PermitOutcome[]> {
  const { outcomes, questions, exchange } = unsealing;
  const needs = questions.flatMap(({ sealed }, index) => {
    const outcome = outcomes[index];
    return sealed.length > 0 && outcome?.kind === 'permit' ? [outcome.claims] : [];
  });
  if (needs.length === 0) return [...outcomes];
  let releaseKey: Buffer | null = null;
  let failure: unknown = null;
  try {
    releaseKey = await releaseKeyFor(parts, unsealing, needs);
  } catch (error) {
    failure = error;
  }
  try {
    return outcomes.map((outcome, index) => {
      const { sealed = [], request } = questions[index] ?? {};
      if (sealed.length === 0 || outcome.kind !== 'permit' || request === undefined) return outcome;
      if (releaseKey === null) return { kind: 'failure', error: failure };
      const answer = exchange.answers.get(request.requestId);
      return withItsKeys(outcome, { sealed, answer, releaseKey });
    });
  } finally {
    releaseKey?.fill(0);
  }
}

async function releaseKeyFor(
  { attestation, binding, enrolment }: KeyParts,
  { exchange, session }: Unsealing,
  permits: readonly PermitClaims[],
): Promise<Buffer> {
  const { release } = exchange.answered;
  const digests = new Set(permits.map((claims) => claims['touchstone.release']));
  const [digestInPermit] = digests;
  const record = await binding();
  if (session === null || record === null || release === undefined) {
    throw agentError('RELEASE_UNEXPECTED', { detail: 'no release key came, or none can be taken' });
  }
  if (digestInPermit === undefined || digests.size > 1) {
    throw agentError('RELEASE_UNEXPECTED', { detail: 'the permits do not name one release key' });
  }
  const bundle = enrolment.trustBundle;
  const input = { session, binding: record, release, digestInPermit, bundle };
  return unsealRelease(attestation.attester, input);
}

type OneVm = {
  readonly sealed: readonly DiskName[];
  readonly answer: PermitAnswer | undefined;
  readonly releaseKey: Buffer;
};

function withItsKeys(
  permit: PermitOutcome & { readonly kind: 'permit' },
  { sealed, answer, releaseKey }: OneVm,
): PermitOutcome {
  const given: readonly SealedDiskKey[] =
    answer !== undefined && 'keys' in answer ? (answer.keys ?? []) : [];
  const keys = new Map<DiskName, Buffer>();
  try {
    for (const disk of sealed) {
      const key = given.find((one) => one.disk === disk);
      if (key === undefined)
        throw agentError('DISK_KEY_UNREADABLE', { detail: `none for ${disk}` });
      keys.set(disk, openDiskKey(releaseKey, key, permit.claims.jti));
    }
    return { ...permit, keys };
  } catch (error) {
    overwriteKeys(keys);
    return { kind: 'failure', error };
  }
}
