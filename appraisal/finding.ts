import type { Problem } from '@touchstone/endorsement';
import type { Finding, FindingEffect } from '@touchstone/schemas';
import { lineOfText } from './line-of-text.ts';
import type { Reason } from './reason.ts';
import { type ReasonCode, REASONS } from './reasons.ts';

/** What a finding says beyond its reason. Texts may hold bytes of the host's: they are made safe here. */
export type FindingDetails = {
  readonly subject: string;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly nearest?: string | undefined;
  /** `enforce` unless stated. */
  readonly effect?: FindingEffect | undefined;
  readonly event?: Finding['event'] | undefined;
};

/** A finding of this room's table of reasons. */
export function finding(code: ReasonCode, details: FindingDetails): Finding {
  return findingFrom(code, REASONS[code], details);
}

/** A finding of another package's table, in the same shape. */
export function findingFrom(code: string, reason: Reason, details: FindingDetails): Finding {
  const { expected, actual, nearest, event } = details;
  return {
    code,
    effect: details.effect ?? 'enforce',
    subject: lineOfText(details.subject, 1_200),
    ...(expected === undefined ? {} : { expected: lineOfText(expected, 2_048) }),
    ...(actual === undefined ? {} : { actual: lineOfText(actual, 2_048) }),
    ...(nearest === undefined ? {} : { nearest: lineOfText(nearest, 2_048) }),
    remedy: lineOfText(reason.remedy, 1_024),
    actor: reason.actor,
    // An EV_NO_ACTION may be of no PCR at all.
    ...(event === undefined || event.pcr > 23 ? {} : { event: safeEvent(event) }),
  };
}

/** What `endorsement` has against an AK or its certificate, or says of it. */
export function findingOfProblem(
  { code, subject, expected, actual, remedy }: Problem,
  effect?: FindingEffect,
): Finding {
  const known: Readonly<Record<string, Reason>> = REASONS;
  const reason = known[code] ?? REASONS.AK_CERT_PROFILE;
  const told = remedy === undefined ? reason : { ...reason, remedy };
  return findingFrom(code, told, { subject, expected, actual, effect });
}

function safeEvent(event: NonNullable<Finding['event']>): NonNullable<Finding['event']> {
  const { index, pcr, type, name } = event;
  return {
    index,
    pcr,
    type: lineOfText(type, 64),
    ...(name === undefined ? {} : { name: lineOfText(name, 1_024) }),
  };
}
