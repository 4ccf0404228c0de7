import type { LogEvent } from '@touchstone/eventlog';
import type { WindowStanding } from '@touchstone/schemas';
import type { LiveBaseline } from './applicable-baselines.ts';
import { explainEvents } from './explain-events.ts';
import type { QuotedBanks } from './rule-index.ts';

/** Documents of one name and part that stand in for one another. */
export type Candidate = {
  /** Of an update window, by its id; null for what is active without one. */
  readonly window: string | null;
  readonly documents: readonly LiveBaseline[];
};

/** At least one; what is active first. */
export type Choice = readonly Candidate[];

export type WindowState = WindowStanding['state'];

export type ChosenDocuments = {
  readonly documents: readonly LiveBaseline[];
  /** By the window's id. */
  readonly windows: Readonly<Record<string, WindowState>>;
};

/** Takes of each choice what fits better: fewer departures first, then more that is explained, then the newer. */
export function chooseDocuments(
  fixed: readonly LiveBaseline[],
  choices: readonly Choice[],
  events: readonly LogEvent[],
  quoted: QuotedBanks,
): ChosenDocuments {
  const documents = [...fixed];
  const windows: Record<string, WindowState> = {};
  for (const choice of choices) {
    const fits = choice.map((candidate) => ({ candidate, fit: fitOf(candidate, events, quoted) }));
    const [first] = fits;
    if (first === undefined) throw new TypeError('a choice of nothing');
    const best = fits.reduce((a, b) => (isBetter(a.fit, b.fit) ? a : b), first);
    documents.push(...best.candidate.documents);
    for (const { candidate } of fits) {
      const { window } = candidate;
      if (window === null) continue;
      const state = stateOf(window, best.candidate.window, best.fit);
      windows[window] = worse(windows[window], state);
    }
  }
  return { documents, windows };
}

type Fit = { readonly enforced: number; readonly milder: number; readonly explained: number };

function fitOf({ documents }: Candidate, events: readonly LogEvent[], quoted: QuotedBanks): Fit {
  const { denied, repeated, misplaced, unmet, mixed, expected } = explainEvents(
    documents,
    events,
    quoted,
  );
  const effects = [
    ...[...repeated, ...misplaced, ...unmet].map(({ rule }) => rule.mode),
    ...[...denied, ...mixed].map(({ effect }) => effect),
  ];
  const enforced = effects.filter((effect) => effect === 'enforce').length;
  return { enforced, milder: effects.length - enforced, explained: expected.size };
}

/** Whether the one before is better; of two that fit alike it is not. */
function isBetter(before: Fit, after: Fit): boolean {
  if (before.enforced !== after.enforced) return before.enforced < after.enforced;
  if (before.explained !== after.explained) return before.explained > after.explained;
  return before.milder < after.milder;
}

function stateOf(window: string, best: string | null, fit: Fit): WindowState {
  if (fit.enforced > 0) return 'neither';
  return best === window ? 'ahead' : 'behind';
}

const RANK = { ahead: 0, behind: 1, neither: 2 } as const;

const worse = (a: WindowState | undefined, b: WindowState): WindowState =>
  a !== undefined && RANK[a] > RANK[b] ? a : b;
