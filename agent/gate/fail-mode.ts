import type { StartPlan } from '@touchstone/schemas';
import { AppError, ProblemError } from '@touchstone/transport';
import { isTpmError } from '../codes.ts';
import { clockNow } from './clock-now.ts';
import type { Definition } from './definition.ts';
import type { StartGateParts } from './starts.ts';
import { isWithoutVerdict } from './without-verdict.ts';

/** What lets a VM start of which the server could not be asked: a licence, or the mandate to observe, by its id. */
export type GroundAlone = { readonly by: 'licence' | 'observe'; readonly id: string };

type Undecided = {
  readonly vm: string;
  readonly plan: StartPlan | null;
  readonly definition: Definition | null;
  readonly error: unknown;
};

/** Failures of this host alone, for which observe mode refuses nothing either. */
const OWN_FAILURE = /^(?:DEFINITION_|PCRS_UNSTEADY$)/u;

/**
 * Why a VM may start for which no verdict could be had; null where nothing says that it may. A refusal, and a permit that
 * does not hold, are verdicts, and a VM with a sealed disk waits for one.
 * @throws AppError LICENCE_VOID
 */
export async function decideWithoutVerdict(
  { attestation, conversations, mandates }: StartGateParts,
  { vm, plan, definition, error }: Undecided,
): Promise<GroundAlone | null> {
  if (hasSealedDisk(plan, definition)) return null;
  const away = isWithoutVerdict(error);
  if (!away && !isOwnFailure(error)) return null;
  const observe = await mandates.observing();
  if (observe !== null) return { by: 'observe', id: observe.jti };
  if (!away || definition === null) return null;
  const now = await conversations.hold('permit', () => clockNow(attestation));
  const asked = { vm, definitionDigest: definition.digest, now };
  const licence = await mandates.licenceFor(asked);
  return licence === null ? null : { by: 'licence', id: licence.jti };
}

const hasSealedDisk = (plan: StartPlan | null, definition: Definition | null): boolean =>
  (definition?.sealedDisks.length ?? 0) > 0 ||
  (plan?.disks.some(({ kind }) => kind === 'sealed') ?? false);

const isOwnFailure = (error: unknown): boolean =>
  isTpmError(error) ||
  (error instanceof AppError && !(error instanceof ProblemError) && OWN_FAILURE.test(error.code));
