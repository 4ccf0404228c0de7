import type { AttestationResult } from '@touchstone/appraisal';
import type {
  AssuranceClass,
  Finding,
  HostState,
  Labels,
  PermitClaims,
  StartRequest,
  Vm,
} from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';

/** A permit is the single-use right to start one VM within this time. */
const PERMIT_SECONDS = 60;
const MAX_FINDINGS = 256;

export type GateQuestion = {
  readonly result: AttestationResult;
  /** As the transaction that the permit is stored in leaves the host. */
  readonly host: {
    readonly id: string;
    readonly state: HostState;
    readonly class: AssuranceClass;
    readonly labels: Labels;
    /** Why the state is what it is, where the result alone does not say. */
    readonly findings: readonly Finding[];
  };
  /** null: no VM of the request's uuid is registered. */
  readonly vm: Vm | null;
  /** Why the VM is held, if it is, since the trust in its host was lost. */
  readonly held: string | null;
  readonly request: StartRequest;
  /** base64url, as in the statement. */
  readonly challenge: string;
  readonly permitId: string;
  readonly issuer: string;
  readonly now: Date;
};

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
 * - each image is one of the VM's golden images, where it names any.
 *
 * Every reason for a refusal is given, not only the first.
 */
export function grantPermit(question: GateQuestion): GateDecision {
  const [first, ...others] = [...hostFindings(question), ...vmFindings(question)];
  if (first !== undefined) {
    return {
      decision: 'refused',
      code: first.code,
      findings: [first, ...others.slice(0, MAX_FINDINGS - 1)],
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

function vmFindings({ vm, held, host, request, result }: GateQuestion): Finding[] {
  if (vm === null || vm.uuid !== request.vm) {
    return [serverFinding('VM_UNKNOWN', { subject: request.vm })];
  }
  const findings: Finding[] = [];
  if (held !== null) {
    findings.push(
      serverFinding('VM_HELD', { subject: vm.name, expected: 'not held', actual: held }),
    );
  }
  if (!vm.classes.includes(host.class)) {
    const expected = vm.classes.join(', ');
    findings.push(
      serverFinding('CLASS_NOT_ACCEPTED', { subject: vm.name, expected, actual: host.class }),
    );
  }
  for (const [label, expected] of Object.entries(vm.hostLabels)) {
    const actual = Object.hasOwn(host.labels, label) ? host.labels[label] : undefined;
    if (actual === expected) continue;
    findings.push(
      serverFinding('HOST_LABELS_MISMATCH', {
        subject: `${vm.name}: label ${label}`,
        expected,
        actual: actual ?? 'absent',
      }),
    );
  }
  if (vm.warnings === 'refuse' && result.verdict === 'warning') {
    const warnings = result.findings.filter(({ effect }) => effect === 'warn');
    findings.push(
      serverFinding('WARNING_NOT_ACCEPTED', {
        subject: vm.name,
        expected: 'affirming',
        actual: warnings.map(({ code }) => code).join(', ') || 'warning',
      }),
      ...warnings,
    );
  }
  return [...findings, ...imageFindings(vm, request)];
}

/** A VM with golden images that shows none is not the VM that was registered. */
function imageFindings(vm: Vm, { imageDigests }: StartRequest): Finding[] {
  if (vm.images.length === 0) return [];
  const notGolden = imageDigests.filter((digest) => !vm.images.includes(digest));
  const strange = imageDigests.length === 0 ? ['none'] : notGolden;
  return strange.map((actual) =>
    serverFinding('IMAGE_NOT_GOLDEN', {
      subject: vm.name,
      expected: vm.images.join(', '),
      actual,
    }),
  );
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
