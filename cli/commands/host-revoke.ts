import type { Command } from 'commander';
import type { HostDetail, Revocation } from '@touchstone/schemas';
import { readName } from '../arguments.ts';
import { hostDetailLines } from '../show/host-detail.ts';
import { loadTitles } from '../show/reason-titles.ts';
import { halfDoneLines, notAtCaLines, revocationLines } from '../show/revocation.ts';
import type { Line } from '../show/text.ts';
import type { World } from '../world.ts';

export function addHostRevokeCommand(host: Command, world: World): void {
  host
    .command('revoke')
    .description('never trust a host again; with a token of the CA, nor certify its TPM')
    .argument('<host>', 'name or id', readName)
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action((name: string, { reason }: { reason: string }, command: Command) =>
      revoke(world, { name, reason }, command),
    );
}

/** The server first: its permits stop at once. What the CA says comes after, and does not undo that. */
const revoke = (
  world: World,
  { name, reason }: { readonly name: string; readonly reason: string },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { host } = await api.host(name);
    const detail = await api.revokeHost(host.id, { reason });
    const { ekRef } = detail;
    if (!(await world.hasCaLogin(command))) {
      await present(world, command, { detail, atCa: null, told: notAtCaLines(ekRef) });
      return;
    }
    try {
      await world.asCaOperator(command, async (ca) => {
        const atCa = await ca.revoke({ ekRef, reason });
        await present(world, command, { detail, atCa, told: revocationLines(atCa) });
      });
    } catch (error) {
      world.note(command, ...halfDoneLines(ekRef));
      throw error;
    }
  });

async function present(
  world: World,
  command: Command,
  { detail, atCa, told }: { detail: HostDetail; atCa: Revocation | null; told: readonly Line[] },
): Promise<void> {
  const titleOf = await loadTitles();
  const width = world.screen.textWidth;
  world.present(command, { ...detail, atCa }, () => [
    ...hostDetailLines(detail, { now: world.now(), width, titleOf }),
    '',
    ...told,
  ]);
}
