import type { LogEvent } from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import { finding, type FindingDetails } from '../finding.ts';
import type { QuirkName } from '../quirks.ts';
import type { ReasonCode } from '../reasons.ts';

/** A finding, and the quirk that lets it pass where a baseline names it. */
export type Offence = { readonly finding: Finding; readonly excusedBy?: QuirkName | undefined };

export function offence(code: ReasonCode, details: FindingDetails, excusedBy?: QuirkName): Offence {
  return { finding: finding(code, details), excusedBy };
}

/** About one event. What it is called is the profile's, for its data may be anybody's. */
export function eventOffence(
  code: ReasonCode,
  event: LogEvent,
  details: Omit<FindingDetails, 'subject' | 'event'> & { readonly name?: string | undefined },
  excusedBy?: QuirkName,
): Offence {
  const { index, pcr, claimedTypeName: type } = event;
  const { name, ...said } = details;
  const what = name ?? `event ${index} (${type})`;
  const shown = { index, pcr, type, ...(name === undefined ? {} : { name }) };
  return offence(code, { ...said, subject: `${what} in PCR ${pcr}`, event: shown }, excusedBy);
}
