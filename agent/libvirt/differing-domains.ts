import type { FoundExposure } from '../watch/exposures.ts';
import type { Domain } from './domain/describe.ts';
import type { StartedFinding } from './domain/started.ts';

const MAX_DIFFERING = 32;

/** What was found of a VM that was started; whether it ran on, and the request it was asked about by, if any. */
export type Difference = {
  readonly found: StartedFinding;
  readonly ranOn: boolean;
  readonly requestId: string | null;
};

/** VMs that were not started as they were permitted: each shown until it is. */
export class DifferingDomains {
  readonly #differing = new Map<string, FoundExposure>();

  /** Null: it was started as it was permitted. */
  note({ vm, name }: Pick<Domain, 'vm' | 'name'>, difference: Difference | null): void {
    this.#differing.delete(vm);
    if (difference !== null) {
      const { code } = difference.found;
      this.#differing.set(vm, { code, subject: name, detail: detailOf(difference), vm });
    }
    const [oldest] = this.#differing.keys();
    if (oldest !== undefined && this.#differing.size > MAX_DIFFERING)
      this.#differing.delete(oldest);
  }

  get exposures(): readonly FoundExposure[] {
    return [...this.#differing.values()];
  }
}

function detailOf({ found, ranOn, requestId }: Difference): string {
  const became = ranOn ? 'It ran on: libvirt’s hook waited no longer' : 'It was refused';
  return `${became} (request ${requestId ?? 'unknown'}). ${found.subject}`;
}
