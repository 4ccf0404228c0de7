import { setTimeout as sleep } from 'node:timers/promises';
import type { SoftwareHost } from '../host/software-host.ts';
import { Connection } from '../http/connection.ts';
import { attestation, TpmClock } from '../http/load.ts';

const INTERVAL_SECONDS = 60;
const CONNECTIONS = 32;

/** Hosts that attest once a minute each, evenly spread, until this is disposed of. */
export class AttestingBeside implements AsyncDisposable {
  readonly #connections: readonly Connection[];
  readonly #ended: Promise<void>;
  readonly #begun = performance.now();
  #stopped = false;
  #done = 0;
  #failed = 0;

  constructor(url: string, hosts: readonly SoftwareHost[]) {
    this.#connections = Array.from(
      { length: CONNECTIONS },
      // Addresses that no other row's clients have.
      (_, index) => new Connection(url, 1_024 + index),
    );
    this.#ended = this.#attest(hosts);
  }

  /** How many a second ended well. */
  get perSecond(): number {
    return this.#done / ((performance.now() - this.#begun) / 1_000);
  }

  get failed(): number {
    return this.#failed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#ended;
    for (const connection of this.#connections) connection.close();
  }

  async #attest(hosts: readonly SoftwareHost[]): Promise<void> {
    const clock = new TpmClock();
    const underWay = new Set<Promise<void>>();
    const pauseMs = (INTERVAL_SECONDS * 1_000) / hosts.length;
    for (let at = 0; !this.#stopped; at += 1) {
      const late = this.#begun + at * pauseMs - performance.now();
      if (late > 0) await sleep(late);
      const connection = this.#connections[at % CONNECTIONS]!;
      const one = attestation(connection, hosts[at % hosts.length]!, clock).then(
        () => void (this.#done += 1),
        () => void (this.#failed += 1),
      );
      underWay.add(one);
      void one.finally(() => underWay.delete(one));
      if (underWay.size >= CONNECTIONS) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }
}
