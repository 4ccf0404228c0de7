import assert from 'node:assert/strict';
import { checkAgainst, Code, Finding } from '@touchstone/schemas';
import { finding, type ReasonCode, REASONS } from '../index.ts';

describe('REASONS', () => {
  for (const [code, reason] of Object.entries(REASONS)) {
    it(`${code} tells what it means and what to do`, () => {
      checkAgainst(Code, code);
      for (const text of [reason.title, reason.section, reason.remedy]) assert.notEqual(text, '');
      const made = finding(code as ReasonCode, { subject: 'x' });
      checkAgainst(Finding, made);
      assert.equal(made.effect, 'enforce');
      assert.equal(made.remedy, reason.remedy);
    });
  }
});
