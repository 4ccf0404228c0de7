import { Type } from 'typebox';
import { BaselinePart } from './baseline.ts';
import { LabelKey, Labels } from './labels.ts';
import { closed, LineOfText } from './scalars.ts';

/** POST /v1/hosts/{id}/labels: these are set, those are taken away, what is not named stays. */
export const HostLabelling = closed({
  set: Labels,
  remove: Type.Array(LabelKey, { maxItems: 32, uniqueItems: true }),
});
export type HostLabelling = Type.Static<typeof HostLabelling>;

/** POST /v1/hosts/{id}/removal. */
export const HostRemoval = closed({ reason: LineOfText(512) });
export type HostRemoval = Type.Static<typeof HostRemoval>;

/** POST /v1/baselines/{name}/retirement: every active or drafted document of the name, or one part's. */
export const BaselineRetirement = closed({
  part: Type.Optional(BaselinePart),
  reason: LineOfText(512),
});
export type BaselineRetirement = Type.Static<typeof BaselineRetirement>;
