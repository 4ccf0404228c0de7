import { decodeJwt } from 'jose';

/**
 * The policy that the last result names. Nothing here is decided by it: it goes back in the next statement, so that a
 * server which never had that policy can say so.
 */
export class LastPolicy {
  #id: string | undefined;

  get id(): string | undefined {
    return this.#id;
  }

  /** A result as it came. One that cannot be read names none. */
  hear(result: string): void {
    this.#id = policyIn(result);
  }
}

function policyIn(result: string): string | undefined {
  try {
    const { submods } = decodeJwt<{ submods?: { host?: Record<string, unknown> } }>(result);
    const id = submods?.host?.['ear.appraisal-policy-id'];
    return typeof id === 'string' && /^[\u0020-\u007e]{1,512}$/u.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
