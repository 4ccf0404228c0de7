import type { Rotation } from '@touchstone/schemas';
import { age, until } from './age.ts';
import { fields } from './fields.ts';
import { counted } from './state.ts';
import { bad, caution, good, type Line, type Span, strong } from './text.ts';

/** In the order in which they come, in words that need no knowledge of certificates. */
const STEPS = [
  ['plan', 'about to begin'],
  ['stage', 'a new key is made'],
  ['distribute', 'hosts learn of the new key'],
  ['switch', 'the new key takes over'],
  ['reissue', 'hosts get new certificates'],
  ['drain', 'the last old certificates go'],
  ['retire', 'the old key counts no more'],
  ['destroy', 'the old key is destroyed'],
] as const;

const OTHER: Readonly<Record<string, string>> = {
  done: 'done',
  'rolling-back': 'being taken back: hosts return to the old key',
  'rolled-back': 'taken back',
};

const phaseText = (phase: Rotation['phase']): string =>
  STEPS.find(([name]) => name === phase)?.[1] ?? OTHER[phase] ?? phase;

function stepText({ phase }: Rotation): Span {
  const index = STEPS.findIndex(([name]) => name === phase);
  const text = phaseText(phase);
  if (index >= 0) return `${index + 1} of ${STEPS.length}: ${text}`;
  return phase === 'done' ? good(text) : caution(text);
}

const KEYS = {
  issuing: 'the key that vouches for hosts',
  root: 'the key that all hosts trust, and the one that vouches for hosts',
} as const;

/** Whether it is over, one way or the other. */
export const hasEnded = ({ phase }: Rotation): boolean =>
  phase === 'done' || phase === 'rolled-back';

const titleOf = ({ mode, kind }: Rotation): Span => {
  if (mode === 'rehearsal') return strong(`Rehearsing a change of ${KEYS[kind]}`);
  if (mode === 'compromise') return bad(`Replacing after a theft: ${KEYS[kind]}`);
  return strong(`Changing ${KEYS[kind]}`);
};

/** As many as are named on a screen. */
const NAMED = 8;

export function rotationLines(
  rotation: Rotation,
  { now, width }: { readonly now: Date; readonly width: number },
): Line[] {
  const { auto, startedAt, startedBy, reason, phaseSince, estimatedEnd, canaries } = rotation;
  const isOpen = !hasEnded(rotation);
  return [
    titleOf(rotation),
    ...fields(
      [
        ['started', `${age(startedAt, now)} ago by ${startedBy}: ${reason}`],
        ['goes on', isOpen ? (auto ? 'by itself' : 'when somebody says so') : null],
        ['with', canaries.length === 0 ? null : canaries.join(', ')],
        ['step', stepText(rotation)],
        ['since', `${age(phaseSince, now)} ago`],
        ['done', isOpen ? doneText(rotation) : null],
        ['over', isOpen && estimatedEnd !== null ? `this step, ${soon(estimatedEnd, now)}` : null],
        ...blockerFields(rotation),
        ...rotation.forced.map(
          ({ phase, by, blockers }) =>
            [
              'forced',
              caution(`${phaseText(phase)}: by ${by}, past ${counted(blockers, 'blocker')}`),
            ] as const,
        ),
      ],
      { indent: 2, width },
    ),
    ...nextLines(rotation),
  ];
}

/** What an estimate says has passed may still be a moment away. */
const soon = (timestamp: string, now: Date): string =>
  Date.parse(timestamp) <= now.getTime() ? 'any moment' : until(timestamp, now);

function doneText({ phase, done, of }: Rotation): string | null {
  if (of === 0) return null;
  return `${done} of ${counted(of, phase === 'drain' || phase === 'rolling-back' ? 'certificate' : 'host')}`;
}

function blockerFields({ blockers, blockerCount }: Rotation) {
  const named = blockers.slice(0, NAMED);
  const more = blockerCount - named.length;
  return [
    ...named.map(({ subject, because, away }, index) => {
      const text = `${subject}${away ? ' (away)' : ''} ${because}`;
      return [index === 0 ? 'waits for' : '', away ? caution(text) : text] as const;
    }),
    ...(more > 0 ? [['', `and ${more} more`] as const] : []),
  ];
}

function nextLines(rotation: Rotation): Line[] {
  if (hasEnded(rotation)) return [];
  const { auto, blockerCount, phase } = rotation;
  if (auto || phase === 'rolling-back') return ['  Follow it:  touchstone ca rotate watch'];
  if (blockerCount === 0) return ['  Go on:  touchstone ca rotate advance'];
  return ['  When nothing stands against it:  touchstone ca rotate advance'];
}

/** One line of progress, for whoever waits. */
export function progressLine(rotation: Rotation): string {
  const done = doneText(rotation);
  const [first] = rotation.blockers;
  const waits = first === undefined || hasEnded(rotation) ? '' : `; waits for ${first.subject}`;
  const more =
    rotation.blockerCount > 1 && waits !== '' ? ` and ${rotation.blockerCount - 1} more` : '';
  return `${phaseText(rotation.phase)}${done === null || hasEnded(rotation) ? '' : `: ${done}`}${waits}${more}`;
}
