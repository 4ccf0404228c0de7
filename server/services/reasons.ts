import { REASONS } from '@touchstone/appraisal';
import type { ReasonTitles } from '@touchstone/schemas';

/** The one table of reasons, for those who cannot read it from its room. */
export const listReasons = (): ReasonTitles => ({
  reasons: Object.entries(REASONS).map(([code, { title }]) => ({ code, title })),
});
