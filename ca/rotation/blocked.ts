import type { AppError } from '@touchstone/transport';
import { caError } from '../ca-error.ts';
import type { RotationRecord } from '../store/index.ts';
import type { Standing } from './standing.ts';

const NAMED = 20;

/** Who it waits for, by name. */
export function blocked(
  { phase }: Pick<RotationRecord, 'phase'>,
  { blockers, blockerCount }: Standing,
): AppError {
  const named = blockers
    .slice(0, NAMED)
    .map(({ subject, because, away }) => `${subject}${away ? ' (away)' : ''} ${because}`);
  const more = blockerCount - named.length;
  const detail = [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return caError('ROTATION_BLOCKED', 409, { detail: `${phase}: ${detail}` });
}
