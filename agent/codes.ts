import type { Actor, Finding } from '@touchstone/schemas';
import { AppError, type AppErrorOptions } from '@touchstone/transport';
import { DOCTOR_CODES } from './doctor/codes.ts';
import { DEFINITION_CODES } from './gate/definition-codes.ts';
import { KEY_CODES } from './keys/codes.ts';
import { LIBVIRT_CODES } from './libvirt/codes.ts';
import { WATCH_CODES } from './watch/codes.ts';
import { DOMAIN_CODES } from './libvirt/domain/codes.ts';

type Entry = {
  readonly title: string;
  readonly section: string;
  readonly remedy: string;
  readonly actor: Actor;
};

/** Every code that the agent itself gives. Sections are of DESIGN unless they say otherwise. */
export const AGENT_CODES = {
  ...DOCTOR_CODES,
  ...KEY_CODES,
  ...LIBVIRT_CODES,
  ...WATCH_CODES,
  ...DEFINITION_CODES,
  ...DOMAIN_CODES,
  NOT_ENROLLED: {
    title: 'This host is not enrolled',
    section: '4 Enrol',
    remedy: 'Run `touchstone-agent enroll --server URL --fingerprint F` on this host.',
    actor: 'host-administrator',
  },
  ALREADY_ENROLLED: {
    title: 'This host is enrolled already',
    section: '4 Enrol',
    remedy: 'Nothing to do. To enrol it elsewhere, use another --state directory.',
    actor: 'host-administrator',
  },
  IMA_LIST_UNREADABLE: {
    title: "IMA's list of measurements cannot be read",
    section: '4 IMA',
    remedy:
      'Run the agent as root. Where `imaList` in agent.yaml names another file, it has to be a list as the kernel writes it.',
    actor: 'host-administrator',
  },
  STATE_LOCKED: {
    title: 'Another agent uses this state directory',
    section: '4 Enrol',
    remedy: 'Stop the other agent, or give this one another --state directory.',
    actor: 'host-administrator',
  },
  STATE_EXPOSED: {
    title: 'The state directory is not its owner’s alone',
    section: '4 Enrol',
    remedy:
      'Run the agent as its owner, and `chmod 700` the directory once you know who wrote there.',
    actor: 'host-administrator',
  },
  STATE_MALFORMED: {
    title: 'A file in the state directory cannot be read',
    section: '4 Enrol',
    remedy: 'Restore the file named, or move the state directory away and enrol again.',
    actor: 'host-administrator',
  },
  SOFTWARE_TPM_FAILED: {
    title: 'The software TPM does not start',
    section: '4 Enrol, step 1',
    remedy: 'Check that swtpm and swtpm-tools are installed, and read the log named in the detail.',
    actor: 'host-administrator',
  },
  TPM_UNUSABLE: {
    title: 'This machine has a TPM that cannot be used',
    section: '4 Enrol, step 1',
    remedy:
      'A TPM 1.2 is not supported. Without a driver: `modprobe tpm_crb` or `modprobe tpm_tis`, or turn the TPM on in ' +
      'the firmware’s setup. Hand /dev/tpmrm0 into the container if the agent runs in one. Only with ' +
      '--tpm software is a software TPM used in its place, and shown as what it is.',
    actor: 'host-administrator',
  },
  TPM_FIXED: {
    title: 'This state directory’s keys are in another TPM, or below another EK of it',
    section: '4 Enrol, step 2',
    remedy:
      'Leave --tpm and --ek out to go on with them. To enrol another TPM, use another --state directory: under the ' +
      'same name an approver decides about it.',
    actor: 'host-administrator',
  },
  AK_FIXED: {
    title: 'This state directory has an attestation key of another kind',
    section: '4 Enrol, step 2',
    remedy: 'Leave --ak out to go on with it, or use another --state directory.',
    actor: 'host-administrator',
  },
  JOIN_TOKEN_UNREADABLE: {
    title: 'The file of the join token cannot be read',
    section: '4 Enrol, step 1',
    remedy: 'Give the file that the operator’s token was written to as --join-token-file.',
    actor: 'host-administrator',
  },
  EK_CERTIFICATE_MISSING: {
    title: 'The TPM has no EK certificate that can be used',
    section: '4 Enrol, step 2',
    remedy:
      'The detail says what was found in NV. A TPM whose maker wrote none into it enrols once an operator of the CA has ' +
      'pinned its EK (`touchstone ca ek waiting`). With --tpm software the host enrols with a software TPM, shown as ' +
      'what it is.',
    actor: 'host-administrator',
  },
  EK_CERTIFICATE_FILE: {
    title: 'A file with an EK certificate cannot be used',
    section: '4 Enrol, step 2',
    remedy:
      'Give files of PEM or DER, or Intel’s answer as it came: the EK’s own certificate, and if they are at hand those ' +
      'above it.',
    actor: 'host-administrator',
  },
  EK_CHANGED: {
    title: 'This is not the TPM that was enrolled',
    section: '4 Enrol, step 3',
    remedy: 'If the TPM was replaced on purpose, enrol again with a new state directory.',
    actor: 'host-administrator',
  },
  AK_LOST: {
    title: 'The TPM does not load the attestation key any more',
    section: '4 Enrol, step 2',
    remedy:
      'The TPM was cleared. Run `touchstone-agent enroll` again, under the same name; an approver decides about ' +
      'the new key.',
    actor: 'host-administrator',
  },
  PCRS_UNSTEADY: {
    title: 'PCRs changed while they were being read',
    section: '4 Attest',
    remedy: 'Try again; something on this host extends PCRs all the time.',
    actor: 'agent',
  },
  TRUST_BUNDLE_EXPIRED: {
    title: 'The trust bundle has expired',
    section: '3',
    remedy:
      'Compare this host’s clock with the time. If it is right, compare the server’s fingerprint with what the ' +
      'deployment shows, and take the present keys: `touchstone-agent trust --fingerprint F`.',
    actor: 'host-administrator',
  },
  TRUST_BUNDLE_REFUSED: {
    title: 'The server gave a trust bundle that does not follow from the one that is held',
    section: '3',
    remedy:
      'The held one stays. If the server lost its bundle key, compare its fingerprint with what the deployment shows, ' +
      'and take its present keys: `touchstone-agent trust --fingerprint F`.',
    actor: 'operator',
  },
  CERTIFICATE_UNTRUSTED: {
    title: 'The CA answered with a certificate that no anchor vouches for which this host holds',
    section: "4 Enrol, step 3; 4 Rotate the CA's keys",
    remedy:
      'A host that enrols: check that --server and --fingerprint name the deployment that you mean. One that is ' +
      'enrolled was away while the CA’s keys were changed, or the CA is another: compare the server’s fingerprint with ' +
      'what the deployment shows, and take its present keys: `touchstone-agent trust --fingerprint F`.',
    actor: 'host-administrator',
  },
  RESULT_INVALID: {
    title: 'The attestation result is not one that the server signed for this evidence',
    section: '4 Attest',
    remedy:
      'Nothing follows from it. If it persists, compare the deployment’s keys: somebody may stand in between.',
    actor: 'operator',
  },
  RESULT_UNKNOWN: {
    title: 'There is no attestation result yet',
    section: '4 Attest',
    remedy: 'Ask again once this agent has attested: `touchstone-agent status` tells.',
    actor: 'host-administrator',
  },
  PROOF_PENDING: {
    title: 'A proof for this program is being made',
    section: '4 Attest',
    remedy: 'Ask for one proof at a time.',
    actor: 'agent',
  },
  SEALED_NEEDS_RUN: {
    title: 'A VM with sealed disks is started by `touchstone-agent run`',
    section: '4 Start a VM, step 5',
    remedy:
      'A command that only asks is handed no key. Make it ExecStart=touchstone-agent run --vm UUID -- COMMAND.',
    actor: 'host-administrator',
  },
  PERMIT_INVALID: {
    title: 'The permit is not one that the server signed for this request',
    section: '4 Start a VM, step 4',
    remedy:
      'Ask again. If it persists, compare the deployment’s keys: somebody may stand in between.',
    actor: 'operator',
  },
  PERMIT_UNEXPECTED: {
    title: 'The permit is for no request that is waiting here',
    section: '4 Start a VM, step 4',
    remedy: 'Ask again: a permit is good for one start of the request that it answers.',
    actor: 'agent',
  },
  PERMIT_LATE: {
    title: 'The permit came too late',
    section: '4 Start a VM, step 4',
    remedy: 'Ask again. If it persists, look at the server’s load and the network.',
    actor: 'operator',
  },
  PERMIT_BOOT_CHANGED: {
    title: 'The host was reset between the evidence and the permit',
    section: '4 Start a VM, step 4',
    remedy: 'Ask again: this boot has to prove itself.',
    actor: 'agent',
  },
  LICENCE_VOID: {
    title: 'The standing licence of this VM does not count now',
    section: '4 Start a VM, Fail modes',
    remedy:
      'Bring the server back. A licence is good for one boot, for the time that the VM’s record gives, and until the host ' +
      'is found not to be trusted.',
    actor: 'operator',
  },
  AGENT_UNAVAILABLE: {
    title: 'The agent does not answer',
    section: '4 Start a VM, step 4',
    remedy: 'Start the agent: `touchstone-agent daemon`. Without it no VM starts.',
    actor: 'host-administrator',
  },
  START_FAILED: {
    title: 'The start could not be decided',
    section: '4 Start a VM, step 4',
    remedy: 'Read the agent’s log. What was not decided is not started.',
    actor: 'host-administrator',
  },
} as const satisfies Record<string, Entry>;
export type AgentCode = keyof typeof AGENT_CODES;

/** A failure under one of the agent's codes. */
export function agentError(
  code: AgentCode,
  { status = 503, ...options }: AppErrorOptions & { readonly status?: number } = {},
): AppError {
  const { title, remedy } = AGENT_CODES[code];
  return new AppError(code, status, { title, remedy, ...options });
}

/** The same as a reason for a refused start. */
export function refusalFinding(error: unknown, subject: string): Finding {
  if (error instanceof AppError) {
    const entry: Entry | undefined = AGENT_CODES[error.code as AgentCode];
    return {
      code: error.code,
      effect: 'enforce',
      subject: `${subject}: ${error.title}`.slice(0, 1_200),
      ...(error.detail === undefined ? {} : { actual: oneLine(error.detail) }),
      remedy: error.remedy ?? entry?.remedy ?? AGENT_CODES.START_FAILED.remedy,
      actor: entry?.actor ?? 'host-administrator',
    };
  }
  const { title, remedy, actor } = isTpmError(error)
    ? { title: error.title, remedy: error.remedy, actor: 'host-administrator' as const }
    : AGENT_CODES.START_FAILED;
  const actual = error instanceof Error ? oneLine(error.message) : 'unknown';
  return {
    code: codeOf(error),
    effect: 'enforce',
    subject: `${subject}: ${title}`,
    actual,
    remedy,
    actor,
  };
}

/** Errors whose codes are ours, by name: `run` knows them without loading what throws them. */
const FORESEEN = new Set(['AppError', 'TpmError', 'ParseError']);

/** The literal code of a failure that somebody foresaw, or START_FAILED. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error && FORESEEN.has(error.name))) return 'START_FAILED';
  return 'code' in error && typeof error.code === 'string' ? error.code : 'START_FAILED';
}

/** By name, for the same reason. Its title and remedy come from the table of the TPM's codes. */
export const isTpmError = (
  error: unknown,
): error is Error & { readonly code: string; readonly title: string; readonly remedy: string } =>
  error instanceof Error && error.name === 'TpmError' && 'remedy' in error;

/** In one line, for a status. */
export const detailOf = (error: unknown): string => {
  if (error instanceof AppError) return oneLine(error.detail ?? error.title);
  return oneLine(error instanceof Error ? error.message : String(error));
};

const oneLine = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 1_024);
