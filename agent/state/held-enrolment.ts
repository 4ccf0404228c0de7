import { type Enrolment, writeEnrolment } from './identity.ts';

/** The enrolment of a running agent. It changes on the disk first, one change after the other. */
export class HeldEnrolment {
  readonly #stateDir: string;
  #current: Enrolment;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(stateDir: string, enrolment: Enrolment) {
    this.#stateDir = stateDir;
    this.#current = enrolment;
  }

  get current(): Enrolment {
    return this.#current;
  }

  change(
    changed: Partial<Pick<Enrolment, 'certificates' | 'trustBundle' | 'fingerprint'>>,
  ): Promise<void> {
    const change = this.#changing.then(async () => {
      const next = { ...this.#current, ...changed };
      await writeEnrolment(this.#stateDir, next);
      this.#current = next;
    });
    this.#changing = change.catch(() => undefined);
    return change;
  }
}
