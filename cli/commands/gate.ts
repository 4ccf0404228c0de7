import { type Command, Option } from 'commander';
import type { GateStatus, Labels } from '@touchstone/schemas';
import { gatherLabels, readDuration, readName } from '../arguments.ts';
import { exposureLines } from '../show/exposure.ts';
import { gateLines } from '../show/gate.ts';
import type { World } from '../world.ts';

type ObserveOptions = {
  readonly for: number;
  readonly label?: Labels;
  readonly reason: string;
};

export function addGateCommands(program: Command, world: World): void {
  const gate = program
    .command('gate')
    .description('whether VMs that cannot prove their host are refused, or only reported');

  gate
    .command('show')
    .description('whether it refuses, and what runs without a proof')
    .action((_: object, command: Command) => show(world, command));

  gate
    .command('observe')
    .description('for a time refuse no start, and report what would have been refused')
    .addOption(
      new Option('--for <time>', 'how long, like 14d; at most 90d')
        .argParser(readDuration)
        .makeOptionMandatory(),
    )
    .option('--label <key=value>', 'only on hosts with this label; repeatable', gatherLabels)
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action((options: ObserveOptions, command: Command) => observe(world, options, command));

  gate
    .command('enforce')
    .description('refuse again from now on')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action(({ reason }: { reason: string }, command: Command) => enforce(world, reason, command));

  program
    .command('exposure')
    .description('what runs, or could run, without a proof')
    .command('list')
    .description('each of them, since when, and what to do')
    .option('--host <host>', 'at this host alone', readName)
    .action(({ host }: { host?: string }, command: Command) => list(world, host, command));
}

const show = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const [status, { exposures }] = await Promise.all([api.gate(), api.exposures()]);
    world.present(command, status, () => gateScreen(world, status, exposures.length));
  });

const observe = (world: World, options: ObserveOptions, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { for: seconds, label: labels = {}, reason } = options;
    const status = await api.observe({ seconds, labels, reason });
    world.present(command, status, () => gateScreen(world, status));
  });

const enforce = (world: World, reason: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const status = await api.enforce({ reason });
    world.present(command, status, () => gateScreen(world, status));
  });

const gateScreen = (world: World, status: GateStatus, exposures?: number) =>
  gateLines(status, {
    ...{ now: world.now(), width: world.screen.textWidth },
    ...(exposures === undefined ? {} : { exposures }),
  });

const list = (world: World, host: string | undefined, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const [answer, { reasons }] = await Promise.all([api.exposures(host), api.reasons()]);
    world.present(command, answer, () =>
      exposureLines(answer, reasons, world.now(), world.screen.textWidth),
    );
  });
