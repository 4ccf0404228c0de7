/** DESIGN section 4, Start a VM, step 2. */
const MOST_MS = 250;
/** Below it the waiting would cost a lone start more than company saves. */
const SLOW_QUOTE_MS = 100;
const PART = 4;

/** How long a start waits for company, by what the TPM took for its last quote: milliseconds (decision 51). */
export const windowAfter = (quoteMs: number): number =>
  quoteMs < SLOW_QUOTE_MS ? 0 : Math.min(MOST_MS, Math.floor(quoteMs / PART));
