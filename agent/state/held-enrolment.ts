import { type Enrolment, writeEnrolment } from './identity.ts';

/** The enrolment of a running agent. It changes on the disk first. */
export class HeldEnrolment {
  readonly #stateDir: string;
  #current: Enrolment;

  constructor(stateDir: string, enrolment: Enrolment) {
    this.#stateDir = stateDir;
    this.#current = enrolment;
  }

  get current(): Enrolment {
    return this.#current;
  }

  async change(
    changed: Partial<Pick<Enrolment, 'certificates' | 'trustBundle' | 'fingerprint'>>,
  ): Promise<void> {
    const next = { ...this.#current, ...changed };
    await writeEnrolment(this.#stateDir, next);
    this.#current = next;
  }
}
