import type { AttestationResult } from '@touchstone/appraisal';
import type { HostState, Labels, Vm } from '@touchstone/schemas';
import { type GateDecision, permitClaims } from './grant.ts';
import { hasLabels } from './mandates.ts';
import type { GateQuestion } from './question.ts';

/** What observe mode is for, as far as the gate has to know it. */
export type Observed = { readonly labels: Labels };

const MAX_CODES = 64;

/** Whether observe mode is for this host: it has all labels that it names, and was not revoked. */
export const observes = (
  observed: Observed | null,
  host: { readonly state: HostState; readonly labels: Labels },
): boolean =>
  observed !== null && host.state !== 'revoked' && hasLabels(host.labels, observed.labels);

/**
 * A refusal in observe mode is a permit that says what it would have been refused for. It stays a refusal
 *
 * - on a host that was revoked, or that the mode is not for;
 * - for a VM with a sealed disk, since no key is released and nothing could run;
 * - where the evidence was not made to ask for a permit.
 */
export function observeRefusal(
  decision: GateDecision,
  question: GateQuestion,
  observed: Observed | null,
): GateDecision {
  if (decision.decision === 'permitted' || !observes(observed, question.host)) return decision;
  if (hasSealedDisk(question.vm) || !asksForPermit(question.result)) return decision;
  const codes = [...new Set(decision.findings.map(({ code }) => code))].slice(0, MAX_CODES);
  return {
    ...{ decision: 'permitted', observed: { code: decision.code, finding: decision.findings[0] } },
    claims: { ...permitClaims(question), 'touchstone.observed': codes },
  };
}

const hasSealedDisk = (vm: Vm | null): boolean =>
  vm?.disks?.some(({ kind }) => kind === 'sealed') ?? false;

const asksForPermit = ({ purpose }: AttestationResult): boolean => purpose === 'permit';
