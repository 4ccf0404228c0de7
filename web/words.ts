import type {
  AssuranceClass,
  Finding,
  HostExplanation,
  HostState,
  HostSummary,
} from '@touchstone/schemas';
import { age, ago } from './age.ts';

// The command says the same in the same words (cli/show); a test holds the two together.

export type TitleOf = (code: string) => string | undefined;
export type Context = { readonly now: number; readonly titleOf: TitleOf };

/** A software TPM never passes for a chip, wherever a class is shown. */
const classText = (assuranceClass: AssuranceClass, selfReported = false): string =>
  assuranceClass === 'software' || selfReported
    ? `${assuranceClass} (self-reported)`
    : assuranceClass;

export const classOf = (host: HostSummary): string =>
  classText(host.class, host.selfReportedMeasurements);

export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;

/** One sentence for a finding. A code of another table is told by its subject. */
export const headlineOf = ({ code, subject }: Finding, titleOf: TitleOf): string =>
  titleOf(code) ?? subject;

export function reasonLine(code: string, subject: string, titleOf: TitleOf): string {
  const title = titleOf(code);
  return title === undefined ? `${subject} (${code})` : `${title}: ${subject} (${code})`;
}

/** Why a host is in its state, on one line of the fleet. */
export function reasonOf(
  { state, verdict, reason, lastAuthenticAt, name }: HostSummary,
  { now, titleOf }: Context,
): string {
  if (state === 'stale') {
    return lastAuthenticAt === null
      ? 'it has never given authentic evidence'
      : `no authentic evidence for ${age(lastAuthenticAt, now)}`;
  }
  if (state === 'pending') return `waits for approval: touchstone host approve ${name}`;
  if (state === 'untrusted' && (verdict === 'affirming' || verdict === 'warning')) {
    return 'good now, but was bad earlier in this boot: restart it, or approve it';
  }
  if (reason !== null) return reasonLine(reason.code, reason.subject, titleOf);
  return state === 'untrusted' ? `touchstone host explain ${name}` : '-';
}

export const EFFECT: Readonly<Record<Finding['effect'], string>> = {
  enforce: 'stops VM starts',
  warn: 'a warning',
  observe: 'for information',
};

/** Who can apply the remedy, for somebody who has never heard of the roles. */
export const WHO: Readonly<Record<Finding['actor'], string>> = {
  operator: 'a person with the role operator',
  approver: 'a person with the role approver',
  'host-administrator': 'whoever looks after this machine (root on it)',
  agent: "the host's agent, by itself",
  nobody: 'nobody needs to, or can',
};

export const EVENT_VERDICT: Readonly<Record<HostExplanation['events'][number]['verdict'], string>> =
  {
    expected: 'as approved',
    unexpected: 'NOT approved',
    unchecked: 'not checked',
  };

/** What is the matter, and what to do, in sentences that need no knowledge of TPMs. */
export type InWords = { readonly what: string; readonly why: readonly string[] };

export function inWords(explanation: HostExplanation, context: Context): InWords {
  return SAY[explanation.host.state](explanation, context);
}

const SAY: Readonly<
  Record<HostState, (explanation: HostExplanation, context: Context) => InWords>
> = {
  trusted: ({ host, findings }) => ({
    what: `${host.name} is trusted. VMs that accept its class may start on it.`,
    why: [
      findings.length === 0
        ? 'All that was measured when it booted is as approved.'
        : `What it booted was accepted, with ${counted(findings.length, 'remark')} below.`,
    ],
  }),
  untrusted: (explanation, { titleOf }) => ({
    what: `${explanation.host.name} is NOT trusted. No VM can be started on it; those that run do as their records say.`,
    why: whyUntrusted(explanation, titleOf),
  }),
  pending: ({ host }) => ({
    what: `${host.name} waits for approval. No VM can be started on it yet.`,
    why: [
      'It has proved that it holds a TPM, but nobody has said that this is the machine it is thought to be.',
      `If you expect this machine, and its AK Name below is the one that the machine itself shows: touchstone host approve ${host.name}`,
    ],
  }),
  stale: ({ host }, { now }) => ({
    what: `${host.name} has gone silent. No VM can be started on it until it proves itself again.`,
    why: [
      host.lastAuthenticAt === null
        ? 'It has never sent evidence that could be believed.'
        : `Its last believable evidence came ${ago(host.lastAuthenticAt, now)}. By what is known of it, it is ${host.stateBeneath}.`,
      'Look whether the machine is on, reaches this server, and runs its agent: touchstone-agent status',
    ],
  }),
  revoked: ({ host }) => ({
    what: `${host.name} was revoked. No VM can be started on it, whatever it proves.`,
    why: ['This is for good. The machine can be used again only by enrolling it anew.'],
  }),
};

function whyUntrusted({ host, verdict, findings }: HostExplanation, titleOf: TitleOf): string[] {
  const enforced = findings.filter(({ effect }) => effect === 'enforce');
  const [first] = enforced;
  if (first !== undefined) {
    const headline = headlineOf(first, titleOf);
    const thing = first.event?.name ?? first.subject;
    const others =
      enforced.length === 1 ? '' : ` And ${counted(enforced.length - 1, 'thing')} more.`;
    return [`${thing === headline ? headline : `${headline}: ${thing}`}.${others}`];
  }
  if (verdict === 'affirming' || verdict === 'warning') {
    return [
      'Its latest evidence is good. But it was in a bad state earlier in this same boot, and what it loaded then may still be running.',
      `Restart the machine: it is trusted again by itself once it boots into an approved state. Or, if you know that nothing bad ran: touchstone host approve ${host.name}`,
    ];
  }
  const reason =
    host.reason === null ? [] : [`${titleOf(host.reason.code) ?? host.reason.subject}.`];
  return [
    ...reason,
    'No evidence of it could be found good, and what cannot be judged is never trusted.',
  ];
}
