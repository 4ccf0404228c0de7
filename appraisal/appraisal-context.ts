import type { AssuranceClass, Baseline, ImaProgress, Labels } from '@touchstone/schemas';
import type { UpdateWindow } from './update-window.ts';

/** What verified evidence is held against. All of it is the owner's; none of it is the host's. */
export type AppraisalContext = {
  readonly hostId: string;
  readonly class: AssuranceClass;
  readonly labels: Labels;
  /** All active ones. Which of them apply is found here. */
  readonly baselines: readonly Baseline[];
  /** The open ones. */
  readonly windows?: readonly UpdateWindow[];
  /** Documents that are not active. Findings name things by them; they make nothing good. */
  readonly known?: readonly Baseline[];
  /** What earlier evidence of this boot showed of IMA's list: what this evidence has of it goes on from there. */
  readonly ima?: { readonly prior: ImaProgress };
  readonly now: Date;
};
