import type { AssuranceClass, Baseline, Labels } from '@touchstone/schemas';

/** What verified evidence is held against. All of it is the owner's; none of it is the host's. */
export type AppraisalContext = {
  readonly hostId: string;
  readonly class: AssuranceClass;
  readonly labels: Labels;
  /** All active ones. Which of them apply is found here. */
  readonly baselines: readonly Baseline[];
  readonly now: Date;
};
