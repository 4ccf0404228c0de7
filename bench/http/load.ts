import type { Evidence } from '@touchstone/schemas';
import { evidenceOf } from '../host/evidence.ts';
import { isGood } from '../host/good-verdict.ts';
import type { SoftwareHost } from '../host/software-host.ts';
import { cpuOf } from '../processor.ts';
import { Connection } from './connection.ts';
import type { Measured } from './processes.ts';

/** Attestations that are under way at one time. */
const AT_ONCE = 8;
/** A host's own connection lives from one attestation to the next; these stand for all of them. */
const CONNECTIONS = 64;

/** Of every TPM's; a quote is newer than the one before. */
export class TpmClock {
  #ms = 1n;

  next(): bigint {
    this.#ms += 1n;
    return this.#ms;
  }
}

/** Each host attests once, with fresh evidence. Gives the server's CPU time for one, in milliseconds. */
export async function attestations(
  server: Measured,
  hosts: readonly SoftwareHost[],
  clock: TpmClock,
): Promise<number> {
  return cpuForEach(server, hosts, (connection, host) => attestation(connection, host, clock));
}

/** One, with fresh evidence. @throws Error where it does not end well */
export async function attestation(
  connection: Connection,
  host: SoftwareHost,
  clock: TpmClock,
): Promise<void> {
  const { challenge, selection } = (await askChallenge(connection, host)) as {
    challenge: string;
    selection: { sha256: number[] };
  };
  const asked = {
    purpose: 'attest',
    challenge,
    pcrs: selection.sha256,
    clockMs: clock.next(),
  } as const;
  const answer = (await connection.post('/v1/evidence', evidenceOf(host, asked))) as {
    state: string;
    verdict: 'warning';
  };
  if (answer.state === 'trusted' && isGood(answer.verdict)) return;
  throw new Error(`${host.name} is ${answer.state}, ${answer.verdict}`);
}

/** As many exchanges with the floor, of bodies of the same size. */
export async function bareExchanges(
  server: Measured,
  evidence: Evidence,
  hosts: readonly SoftwareHost[],
): Promise<number> {
  return cpuForEach(server, hosts, async (connection, host) => {
    await askChallenge(connection, host);
    await connection.post('/v1/evidence', evidence);
  });
}

const askChallenge = (connection: Connection, { akName }: SoftwareHost) =>
  connection.post('/v1/challenges', { akName, purpose: 'attest' });

async function cpuForEach(
  { pid, url }: Measured,
  hosts: readonly SoftwareHost[],
  exchange: (connection: Connection, host: SoftwareHost) => Promise<void>,
): Promise<number> {
  const connections = Array.from({ length: CONNECTIONS }, (_, index) => new Connection(url, index));
  try {
    // The handshakes are not what is measured.
    for (const connection of connections) await askChallenge(connection, hosts[0]!);
    const before = await cpuOf(pid);
    const waiting = hosts.entries();
    const work = async () => {
      for (const [index, host] of waiting) {
        await exchange(connections[index % CONNECTIONS]!, host);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return ((await cpuOf(pid)) - before) / 1e6 / hosts.length;
  } finally {
    for (const connection of connections) connection.close();
  }
}
