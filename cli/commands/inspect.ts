import type { Command } from 'commander';
import { readStart } from '../input.ts';
import { eventLogLines } from '../show/event-log.ts';
import type { World } from '../world.ts';

/** What a file holds, told on this machine alone: no server is asked and no login is needed. */
export function addInspectCommands(program: Command, world: World): void {
  const inspect = program.command('inspect').description('what a file holds; asks no server');

  inspect
    .command('eventlog')
    .description('the events of a boot log, and the PCR values they lead to')
    .argument('<file>', 'binary_bios_measurements of securityfs, or its like; - is standard input')
    .action((file: string, _: object, command: Command) => eventLog(world, file, command));
}

async function eventLog(world: World, file: string, command: Command): Promise<void> {
  // Only here: it brings the rooms that read TPM structures with it.
  const { inspectEventLog, MAX_LOG_BYTES_READ, titleOfLogCode } =
    await import('../inspect/inspect-event-log.ts');
  const report = inspectEventLog(await readStart(file, world.stdin, MAX_LOG_BYTES_READ));
  const { width, textWidth } = world.screen;
  world.present(command, report, () =>
    eventLogLines(report, { titleOf: titleOfLogCode, width, textWidth }),
  );
}
