import type { ChallengeAnswer } from '@touchstone/schemas';

/** `askedAt`: by CLOCK_BOOTTIME, seconds, before it was asked for. */
export type HeldChallenge = { readonly answer: ChallengeAnswer; readonly askedAt: number };

/** Of the 15 s that a permit is good for, which are counted from `askedAt`: DESIGN section 4, Start a VM, step 4. */
const YOUNG_SECONDS = 2;

/**
 * The challenge that came with the last plan: for the one statement that takes it, while it is young. Whoever finds none
 * asks for his own (decision 61).
 */
export class NextChallenge {
  #held: HeldChallenge | null = null;

  hold(challenge: HeldChallenge): void {
    this.#held = challenge;
  }

  /** Nobody takes it a second time, whatever becomes of it. `now`: by CLOCK_BOOTTIME, seconds. */
  take(now: number): HeldChallenge | null {
    const held = this.#held;
    this.#held = null;
    if (held === null) return null;
    const age = now - held.askedAt;
    return age >= 0 && age <= YOUNG_SECONDS ? held : null;
  }
}
