import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JoinTokenCreated } from '@touchstone/schemas';
import { type Deployment, end, firstLine, HOUSE, start } from '../deployment.ts';
import { finished } from '../finished.ts';
import { MEASURED_CORE } from '../processor.ts';
import { Journal } from './journal.ts';
import { stripTree } from './stripped-tree.ts';

export type MeasuredAgent = AsyncDisposable & {
  readonly pid: number;
  readonly socketPath: string;
  readonly name: string;
  readonly journal: Journal;
};

/** An agent with the types stripped, enrolled by its software TPM, its daemon running. */
export async function startAgent(deployment: Deployment, name: string): Promise<MeasuredAgent> {
  const directory = await mkdtemp(join(tmpdir(), 'ts-bench-agent-'));
  const state = join(directory, 'state');
  const bin = join(directory, 'tree/agent/bin/touchstone-agent.mjs');
  const stop = async () => {
    await endSoftwareTpm(state);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await stripTree(HOUSE, join(directory, 'tree'));
    await mkdir(state, { mode: 0o700 });
    const { token } = await deployment.operator('/v1/join-tokens', JoinTokenCreated, {
      ...{ classes: ['software'], labels: { site: name }, approve: true },
    });
    const tokenFile = join(directory, 'join-token');
    await writeFile(tokenFile, token, { mode: 0o600 });
    await finished(
      start(
        MEASURED_CORE,
        ...[bin, 'enroll', '--state', state, '--name', name, '--server', deployment.url],
        ...['--fingerprint', deployment.fingerprint, '--join-token-file', tokenFile],
      ),
    );
    const daemon = start(MEASURED_CORE, bin, 'daemon', '--state', state);
    const journal = new Journal(daemon.stderr!);
    await firstLine(daemon);
    return {
      pid: daemon.pid ?? 0,
      socketPath: join(state, 'agent.sock'),
      ...{ name, journal },
      [Symbol.asyncDispose]: async () => {
        await end(daemon);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** It outlives its agent, as a chip would. */
async function endSoftwareTpm(state: string): Promise<void> {
  const pid = Number(await readFile(join(state, 'swtpm/pid'), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return;
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (words.includes(state)) process.kill(pid, 'SIGKILL');
}
