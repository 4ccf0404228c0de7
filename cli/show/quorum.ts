import type { Approval, ApprovalList, QuorumStatus } from '@touchstone/schemas';
import { age, until } from './age.ts';
import { fields } from './fields.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { caution, faint, good, type Line, type Span } from './text.ts';

/** `command` is what the quorum is asked by: that of the server, or of the CA. */
export function quorumLines(
  { quorum, approvers, waiting }: QuorumStatus,
  width: number,
  command = 'touchstone',
): Line[] {
  return [
    quorum === 1
      ? [caution('1'), ': one person alone can loosen what is trusted.']
      : [good('2'), ': it takes two people to loosen what is trusted; one alone tightens.'],
    ...fields(
      [
        ['approvers', approvers.join(', ') || 'none'],
        ['waiting', waiting === 0 ? 'nothing' : counted(waiting, 'approval')],
      ],
      { indent: 2, width },
    ),
    ...(waiting === 0 ? [] : [`See them:  ${command} approval list`]),
  ];
}

export const approvalText = ({ action, subject, person }: Approval): string =>
  `${action} ${subject}, approved by ${person}`;

const STATE: Readonly<Record<Approval['state'], Span>> = {
  waiting: caution('1 of 2'),
  made: good('made'),
  withdrawn: faint('taken back'),
  lapsed: faint('lapsed'),
};

export function approvalLines(
  { approvals }: Pick<ApprovalList, 'approvals'>,
  now: Date,
  width: number | undefined,
): Line[] {
  if (approvals.length === 0) return ['Nothing waits for another person.'];
  const rows = approvals.map((approval) => {
    const { action, subject, person, at, id, detail } = approval;
    return [
      ...[STATE[stateOf(approval, now)], action, subject, person],
      ...[age(at, now), leftOf(approval, now), id, detail],
    ];
  });
  const titles = ['STATE', 'WHAT', 'OF', 'FIRST', 'SINCE', 'LEFT', 'ID', 'DETAIL'];
  return [
    ...table(titles, rows, width),
    '',
    'The second person gives the same command as the first; what is done must be the very same.',
  ];
}

const stateOf = ({ state, expiresAt }: Approval, now: Date): Approval['state'] =>
  state === 'waiting' && new Date(expiresAt) <= now ? 'lapsed' : state;

const leftOf = ({ state, expiresAt }: Approval, now: Date): string =>
  state === 'waiting' ? until(expiresAt, now) : '-';
