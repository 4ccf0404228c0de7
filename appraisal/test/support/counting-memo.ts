import { AppraisalMemo } from '../../index.ts';

/** A memo that tells how often it served. */
export class CountingMemo extends AppraisalMemo {
  hits = 0;

  override recall(...asked: Parameters<AppraisalMemo['recall']>) {
    const found = super.recall(...asked);
    if (found !== undefined) this.hits += 1;
    return found;
  }
}
