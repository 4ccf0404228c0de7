import { REASONS } from '@touchstone/appraisal';
import type { ReasonTitles } from '@touchstone/schemas';
import { EXPOSURE_CODES } from '../codes/exposure-codes.ts';
import { GATE_CODES } from '../codes/gate-codes.ts';

/** The tables of reasons that people meet on the page, for those who cannot read them from their rooms. */
export const listReasons = (): ReasonTitles => ({
  reasons: [
    ...Object.entries(REASONS).map(([code, { title }]) => ({ code, title })),
    ...Object.entries({ ...GATE_CODES, ...EXPOSURE_CODES }).map(([code, { title, remedy }]) => ({
      code,
      title,
      remedy,
    })),
  ],
});
