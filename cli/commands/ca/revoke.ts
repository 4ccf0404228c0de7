import type { Command } from 'commander';
import { readEkRef } from '../../arguments.ts';
import { revocationLines } from '../../show/revocation.ts';
import type { World } from '../../world.ts';

export function addCaRevokeCommand(ca: Command, world: World): void {
  ca.command('revoke')
    .description('never certify a TPM again, and revoke the certificates it has')
    .argument('<ek-ref>', 'its reference, from `touchstone host show`', readEkRef)
    .requiredOption('--reason <text>', 'why, for the audit log of the CA')
    .action((ekRef: string, { reason }: { reason: string }, command: Command) =>
      revoke(world, { ekRef, reason }, command),
    );
}

const revoke = (
  world: World,
  asked: { readonly ekRef: string; readonly reason: string },
  command: Command,
): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.revoke(asked);
    world.present(command, answer, () => revocationLines(answer));
  });
