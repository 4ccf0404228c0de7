import { Type } from 'typebox';
import { LineOfText, mapOf } from './scalars.ts';

const LABEL_KEY = '^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$';

export const LabelKey = Type.String({ pattern: LABEL_KEY, maxLength: 63 });

/** A host has no more labels than this. */
export const MAX_LABELS = 32;

/** Owner-given labels that baselines and VMs match on. They never come from the host. */
export const Labels = mapOf(LABEL_KEY, LineOfText(128), MAX_LABELS);
export type Labels = Type.Static<typeof Labels>;
