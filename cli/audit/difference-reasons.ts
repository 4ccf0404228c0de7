import type { Reason } from '@touchstone/appraisal';

const LOOK =
  'Somebody changed the database, or a disk fails. Compare it with a backup, and look at who can write to it.';
const section = 'DESIGN 6';
const actor = 'operator';

/** What a stored verdict may differ by from the one that comes out when it is made again. */
export const DIFFERENCES = {
  EVIDENCE_GONE: {
    title: 'The verdict is stored, and the evidence that it was given on is not',
    remedy: LOOK,
    ...{ section, actor },
  },
  EVIDENCE_CHANGED: {
    title:
      'The evidence that is stored is not what the verdict was given on, or nobody has signed it',
    remedy: LOOK,
    ...{ section, actor },
  },
  CONTEXT_GONE: {
    title: 'The verdict is stored, and what it was held against is not',
    remedy: LOOK,
    ...{ section, actor },
  },
  CONTEXT_CHANGED: {
    title: 'What is stored of the context is not what the verdict was held against',
    remedy: LOOK,
    ...{ section, actor },
  },
  OUTCOME_CHANGED: {
    title: 'Made again, the outcome is another than the one that was noted',
    remedy: LOOK,
    ...{ section, actor },
  },
  VERDICT_CHANGED: {
    title: 'The record of the verdict says otherwise than the verdict made again',
    remedy: LOOK,
    ...{ section, actor },
  },
  RESULT_CHANGED: {
    title: 'The signed result says otherwise than the verdict made again, or its signature is none',
    remedy: LOOK,
    ...{ section, actor },
  },
} as const satisfies Record<string, Reason>;

export type DifferenceCode = keyof typeof DIFFERENCES;

/** One difference, and where it is. */
export type Difference = { readonly code: DifferenceCode; readonly where: string };
