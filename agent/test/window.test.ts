import assert from 'node:assert/strict';
import { windowAfter } from '../gate/window.ts';

describe('how long a start waits for company', () => {
  for (const [quoteMs, windowMs, given] of [
    [0, 0, 'before the first quote'],
    [12, 0, 'after the quote of a software TPM'],
    [99, 0, 'after a quick one'],
    [100, 25, 'a quarter of a slow one'],
    [600, 150, 'a quarter of a chip’s'],
    [5_000, 250, 'a quarter of a second at most'],
  ] as const) {
    it(`is ${windowMs} ms: ${given}`, () => {
      assert.equal(windowAfter(quoteMs), windowMs);
    });
  }
});
