import { resolve } from 'node:path';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';
import { withState } from '../with-state.ts';

export type DaemonOptions = { readonly state: string; readonly courier?: string };

/** Until it is stopped. */
export async function daemonCommand(
  surroundings: AgentSurroundings,
  { state, courier }: DaemonOptions,
): Promise<void> {
  const [{ runDaemon }, { passedOverBy }, { pino }] = await Promise.all([
    import('../daemon.ts'),
    import('../tpm/host-tpm.ts'),
    import('pino'),
  ]);
  const log = pino({ name: 'touchstone-agent' }, pino.destination({ fd: 2, sync: true }));
  await withState(surroundings, state, async (stateDir, attester, config) => {
    const passedOver = await passedOverBy(attester.tpm, surroundings.machine);
    if (passedOver !== null) log.warn({ tpm: passedOver }, 'a TPM that is not the host’s');
    await runDaemon({
      stateDir,
      socketPath: socketPathOf(stateDir),
      courier: courier === undefined ? null : resolve(surroundings.workingDirectory, courier),
      attester,
      config,
      log,
      stop: surroundings.stopOnSignal(),
      ready: () => surroundings.stdout.write(`${JSON.stringify({ ready: true })}\n`),
    });
  });
}
