import type { HostExplanation, HostState } from '@touchstone/schemas';
import { ago } from './age.ts';
import { headlineOf, type TitleOf } from './reason-titles.ts';
import { counted } from './state.ts';

/** What is the matter, and what to do, in sentences that need no knowledge of TPMs. */
export type InWords = { readonly what: string; readonly why: readonly string[] };

type Context = { readonly now: Date; readonly titleOf: TitleOf };

export function inWords(explanation: HostExplanation, context: Context): InWords {
  return SAY[explanation.host.state](explanation, context);
}

const SAY: Record<HostState, (explanation: HostExplanation, context: Context) => InWords> = {
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
  stale: ({ host, findings }, { now }) =>
    lostIssuerWords(host, findings) ?? {
      what: `${host.name} has gone silent. No VM can be started on it until it proves itself again.`,
      why: [
        host.lastAuthenticAt === null
          ? 'It has never sent evidence that could be believed.'
          : `Its last believable evidence came ${ago(host.lastAuthenticAt, now)}. By what is known of it, it is ${host.stateBeneath}.`,
        'Look whether the machine is on, reaches this server, and runs its agent: touchstone-agent status',
      ],
    },
  revoked: ({ host }) => ({
    what: `${host.name} was revoked. No VM can be started on it, whatever it proves.`,
    why: ['This is for good. The machine can be used again only by enrolling it anew.'],
  }),
};

/** Of a host that has not gone silent: its certificate counts no more. */
function lostIssuerWords(
  { name, reason, stateBeneath }: HostExplanation['host'],
  findings: HostExplanation['findings'],
): InWords | null {
  if (reason === null || !reason.code.startsWith('AK_CERT_ISSUER_')) return null;
  const remedy = findings.find(({ code }) => code === reason.code)?.remedy;
  return {
    what: `${name} has to get a new certificate. No VM can be started on it until it has.`,
    why: [
      `${reason.subject}. By what is known of it, it is ${stateBeneath}.`,
      ...(remedy === undefined ? [] : [remedy]),
    ],
  };
}

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
