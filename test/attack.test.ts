import assert from 'node:assert/strict';
import { type CaseTable, type Observed, attacksOver, caseTable } from './support/attack.ts';

const table: CaseTable = {
  issuesDone: [2],
  cases: {
    Q6: { title: 'another type', issue: 2, expect: { outcome: 'R', code: ['A', 'B'] } },
    L9: { title: 'of an issue to come', issue: 3, expect: { outcome: 'U', code: ['C'] } },
  },
};
const failed = { name: 'AssertionError' };

describe('attack', () => {
  it('records a case that ends as the table says, by whichever of its codes', async () => {
    const { attack, unrecorded } = attacksOver(table);
    assert.deepEqual(unrecorded(), ['Q6']);
    assert.deepEqual(await attack('Q6', () => ({ outcome: 'R', code: 'B' })), {
      outcome: 'R',
      code: 'B',
    });
    assert.deepEqual(unrecorded(), []);
  });

  it('asks for no record of an issue that is not done', () => {
    assert.deepEqual(attacksOver({ ...table, issuesDone: [3] }).unrecorded(), ['L9']);
    assert.deepEqual(attacksOver({ ...table, issuesDone: [] }).unrecorded(), []);
  });

  it('fails for a number that is not in the table', async () => {
    const { attack } = attacksOver(table);
    await assert.rejects(
      attack('Q7', () => ({ outcome: 'R', code: 'A' })),
      failed,
    );
  });

  it('fails, and records nothing, when the attack itself throws', async () => {
    const { attack, unrecorded } = attacksOver(table);
    const broken = () => Promise.reject(new RangeError('no server'));
    await assert.rejects(attack('Q6', broken), RangeError);
    assert.deepEqual(unrecorded(), ['Q6']);
  });
});

describe('test/cases.json', () => {
  for (const [number, { expect }] of Object.entries(caseTable.cases)) {
    const [code] = expect.code;
    const good: Observed = { outcome: expect.outcome, ...(code === undefined ? {} : { code }) };
    const otherOutcome: Observed = { ...good, outcome: expect.outcome === 'D' ? 'T' : 'D' };
    const otherCode: Observed = { ...good, code: 'ANOTHER' };

    it(`accepts ${number} only with its outcome and its code`, async () => {
      const issuesDone = [caseTable.cases[number]?.issue ?? 0];
      const { attack, unrecorded } = attacksOver({ ...caseTable, issuesDone });
      await assert.rejects(
        attack(number, () => otherOutcome),
        failed,
      );
      await assert.rejects(
        attack(number, () => otherCode),
        failed,
      );
      assert.ok(unrecorded().includes(number));
      await attack(number, () => good);
      assert.ok(!unrecorded().includes(number));
    });
  }
});
