import type { Finding, PermitClaims } from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';
import type { GateQuestion } from './question.ts';
import { vmFindings } from './vm-findings.ts';

/** A permit is the single-use right to start one VM within this time. */
const PERMIT_SECONDS = 60;

export type GateDecision =
  | {
      readonly decision: 'permitted';
      readonly claims: PermitClaims;
      /** In observe mode: what it would have been refused for first. */
      readonly observed?: { readonly code: string; readonly finding: Finding };
    }
  | {
      readonly decision: 'refused';
      readonly code: string;
      readonly findings: readonly [Finding, ...Finding[]];
    };

/**
 * A permit proves that in the one transaction that answers this evidence
 *
 * - the evidence was authentic, was made to ask for a permit, and its verdict is affirming or a warning;
 * - the host is trusted: approved, not revoked, and in no state that its later good evidence cannot mend;
 * - the VM is registered, and accepts the class of the host's TPM and its labels, and a warning where there is one;
 * - the VM is not held since the trust in its host was lost;
 * - each image is one of the VM's golden images, where it names any, and no other disk went unread than those that the
 *   record calls data or sealed;
 * - a VM with a sealed disk is restored only from a file as this host saw it saved;
 * - a VM that comes from another host comes from one that is trusted now;
 * - the VM does not carry Touchstone's own servers.
 *
 * Every reason for a refusal is given, not only the first.
 */
export function grantPermit(question: GateQuestion): GateDecision {
  const [first, ...others] = [...hostFindings(question), ...vmFindings(question)];
  if (first !== undefined) {
    return {
      decision: 'refused',
      code: first.code,
      findings: [first, ...others.slice(0, question.maxFindings - 1)],
    };
  }
  return { decision: 'permitted', claims: permitClaims(question) };
}

function hostFindings({ host, result }: GateQuestion): Finding[] {
  const findings: Finding[] = [];
  if (result.purpose !== 'permit') findings.push(serverFinding('PERMIT_PURPOSE_MISSING'));
  if (host.state === 'pending') findings.push(serverFinding('HOST_PENDING', { subject: host.id }));
  if (host.state === 'revoked') findings.push(serverFinding('HOST_REVOKED', { subject: host.id }));
  const good = result.verdict === 'affirming' || result.verdict === 'warning';
  if (host.state !== 'trusted' || !good) {
    const actual = `state ${host.state}, verdict ${result.verdict}`;
    findings.push(
      serverFinding('HOST_NOT_TRUSTED', { subject: host.id, expected: 'trusted', actual }),
      ...host.findings,
      ...result.findings.filter(({ effect }) => effect === 'enforce'),
    );
  }
  return findings;
}

export function permitClaims(question: GateQuestion): PermitClaims {
  const { result, host, request, challenge, issuer, permitId, now } = question;
  const iat = Math.floor(now.getTime() / 1_000);
  return {
    iss: issuer,
    aud: result.akName,
    jti: permitId,
    iat,
    exp: iat + PERMIT_SECONDS,
    'touchstone.host': host.id,
    'touchstone.challenge': challenge,
    'touchstone.boot': {
      resetCount: result.boot.resetCount,
      restartCount: result.boot.restartCount,
      clock: result.boot.clock.toString(),
    },
    'touchstone.request': request,
    'touchstone.policy': result.policyId,
  };
}
