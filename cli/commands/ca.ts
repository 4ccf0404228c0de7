import type { Command } from 'commander';
import type { World } from '../world.ts';
import { addCaAuditCommands } from './ca/audit.ts';
import { addCaBundleCommands } from './ca/bundle.ts';
import { addCaEkCommands } from './ca/ek.ts';
import { addCaOperatorCommands } from './ca/operator.ts';
import { addCaQuorumCommands } from './ca/quorum.ts';
import { addCaRevokeCommand } from './ca/revoke.ts';
import { addCaRotateCommands } from './ca/rotate.ts';
import { addCaStatusCommand } from './ca/status.ts';

export function addCaCommands(program: Command, world: World): void {
  const ca = program
    .command('ca')
    .description("the privacy CA: whose word about a host's TPM is believed");
  addCaStatusCommand(ca, world);
  addCaRotateCommands(ca, world);
  addCaBundleCommands(ca, world);
  addCaEkCommands(ca, world);
  addCaOperatorCommands(ca, world);
  addCaQuorumCommands(ca, world);
  addCaAuditCommands(ca, world);
  addCaRevokeCommand(ca, world);
}
