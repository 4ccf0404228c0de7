import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseStrictJson } from '@touchstone/schemas';

/**
 * What becomes of an attack. R: the evidence or request is rejected and nothing changes. U: the host
 * is untrusted. D: the VM is not started. Q: it waits for an operator. T: it is accepted as it should
 * be. W: it is accepted with a warning. SAME: the stored answer comes again and nothing changes. HOLDS: a
 * property that has no answer.
 */
export type Outcome = 'R' | 'U' | 'D' | 'Q' | 'T' | 'W' | 'SAME' | 'HOLDS';

export interface Observed {
  readonly outcome: Outcome;
  /** The reason's code; none where nothing is refused (T, SAME, HOLDS). */
  readonly code?: string;
}

/** One adversarial case: a number, the issue that it belongs to, and how it must end. */
export interface Case {
  readonly title: string;
  readonly issue: number;
  readonly expect: { readonly outcome: Outcome; readonly code: readonly string[] };
}

export interface CaseTable {
  /** The issues whose cases must all have been tried when a whole run ends. */
  readonly issuesDone: readonly number[];
  readonly cases: Readonly<Record<string, Case>>;
}

/** The numbers of the cases that must be tried. */
export const casesOfIssuesDone = ({ issuesDone, cases }: CaseTable): string[] =>
  Object.entries(cases)
    .filter(([, { issue }]) => issuesDone.includes(issue))
    .map(([number]) => number);

/** The attacks over one table of cases, and the record of those that ended as they must. */
export function attacksOver({ issuesDone, cases }: CaseTable) {
  const recorded = new Set<string>();

  /**
   * Makes the attack; fails unless outcome and code are what the table says; records it. A case that
   * is several attacks lists several codes.
   */
  async function attack(
    number: string,
    make: () => Observed | Promise<Observed>,
  ): Promise<Observed> {
    const expected = cases[number];
    assert.ok(expected, `test/cases.json has no case ${number}`);
    const observed = await make();
    const { outcome, code } = expected.expect;
    assert.equal(observed.outcome, outcome, `${number}, ${expected.title}: outcome`);
    assert.ok(
      code.length === 0 ? observed.code === undefined : code.includes(observed.code ?? ''),
      `${number}, ${expected.title}: code ${observed.code}, expected ${code.join(' or ') || 'none'}`,
    );
    recorded.add(number);
    return observed;
  }

  /** The numbers of the issues done whose attack was not made, or did not end as it must. */
  function unrecorded(): string[] {
    return casesOfIssuesDone({ issuesDone, cases }).filter((number) => !recorded.has(number));
  }

  return { attack, unrecorded };
}

/** Read strictly: of a number that is there twice, JSON.parse would keep the last. */
export const caseTable = parseStrictJson(
  readFileSync(new URL('../cases.json', import.meta.url)),
) as CaseTable;

/**
 * The cases of test/cases.json:
 *
 *     it('refuses a quote of another type: Q6', () =>
 *       attack('Q6', async () => ({ outcome: 'R', code: await codeOf(submit(certifyInfo)) })));
 */
export const { attack, unrecorded } = attacksOver(caseTable);
