import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { AssuranceClass, Vm } from '@touchstone/schemas';
import { gatherClasses, readName, readUuid } from '../arguments.ts';
import { faint } from '../show/text.ts';
import { vmLines, vmStartLines } from '../show/vm.ts';
import { clearLines, standingFields, vmListLines } from '../show/vm-standing.ts';
import { uuidOf } from '../vm-names.ts';
import type { World } from '../world.ts';
import { addDiskKeyCommands } from './vm-disk-key.ts';
import {
  type ChangeOptions,
  recordAfter,
  type RecordOptions,
  withRecordOptions,
} from './vm-record.ts';

type AddOptions = RecordOptions & {
  readonly name: string;
  readonly class: readonly AssuranceClass[];
};

export function addVmCommands(program: Command, world: World): void {
  const vm = program
    .command('vm')
    .description('VMs that start only on hosts that can prove themselves');

  const add = vm
    .command('add')
    .description('register a VM')
    .argument('[uuid]', 'its UUID (default: a new one)', readUuid)
    .requiredOption('--name <name>', 'what to call it', readName)
    .requiredOption('--class <class>', 'hosts of this class may run it; repeatable', gatherClasses);
  withRecordOptions(add).action((uuid: string | undefined, options: AddOptions, command: Command) =>
    register(world, uuid ?? randomUUID(), options, command),
  );

  const changing = vm
    .command('change')
    .description('change what is said of it, the rest stays; what loosens may take two people')
    .argument('<vm>', 'UUID or name', readName)
    .option('--name <name>', 'what to call it', readName)
    .option('--class <class>', 'hosts of this class may run it; repeatable', gatherClasses);
  withRecordOptions(changing)
    .option('--accept-warnings', 'on hosts whose verdict is a warning too')
    .option('--any-host', 'whatever labels the host has')
    .option('--any-image', 'with any image')
    .option('--no-data-or-sealed', 'every disk is read')
    .action((which: string, options: ChangeOptions & { dataOrSealed: boolean }, command: Command) =>
      change(world, which, options, command),
    );

  vm.command('remove')
    .description('forget it: it starts nowhere behind the gate any more')
    .argument('<vm>', 'UUID or name', readName)
    .action((which: string, _: object, command: Command) => remove(world, which, command));

  addDiskKeyCommands(vm, world);

  vm.command('list')
    .description('every registered VM: whether it is held, and where it runs since when')
    .action((_: object, command: Command) => list(world, command));

  vm.command('show')
    .description('one VM: whether it is held, where it runs, where it may run and with what')
    .argument('<vm>', 'UUID or name', readName)
    .action((which: string, _: object, command: Command) => show(world, which, command));

  vm.command('clear')
    .description('let a VM start again that is held since the trust in its host was lost')
    .argument('<vm>', 'UUID or name', readName)
    .requiredOption('--reason <text>', 'what was looked at, for the audit log')
    .action((which: string, { reason }: { reason: string }, command: Command) =>
      clear(world, which, reason, command),
    );

  vm.command('starts')
    .description('who asked to start it, and what became of that')
    .argument('<vm>', 'UUID or name', readName)
    .action((which: string, _: object, command: Command) => starts(world, which, command));
}

const clear = (world: World, which: string, reason: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const vm = await api.clearVm(await uuidOf(api, which), { reason });
    world.present(command, vm, () => [`${vm.name} may start again.`]);
  });

const register = (
  world: World,
  uuid: string,
  options: AddOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { name } = options;
    const bare: Vm = { uuid, name, classes: [...options.class], hostLabels: {}, images: [] };
    const vm = await api.addVm(recordAfter(bare, options));
    world.present(command, vm, () => [
      ...vmLines(vm, world.screen.textWidth),
      '',
      `Start it on a host:  touchstone-agent run --vm ${vm.uuid} -- COMMAND`,
    ]);
  });

const change = (
  world: World,
  which: string,
  { dataOrSealed, ...options }: ChangeOptions & { readonly dataOrSealed: boolean },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const before = await api.vm(await uuidOf(api, which));
    const said = dataOrSealed ? options : { ...options, noDataOrSealed: true as const };
    const vm = await api.changeVm(recordAfter(before, said));
    world.present(command, vm, () => vmLines(vm, world.screen.textWidth));
  });

const remove = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const vm = await api.removeVm(await uuidOf(api, which));
    world.present(command, vm, () => [`${vm.name} is not registered any more.`]);
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const [{ vms }, standings] = await Promise.all([api.vms(), api.vmStandings()]);
    const byUuid = new Map(standings.vms.map((standing) => [standing.uuid, standing]));
    const answer = vms.map((vm) => ({ ...vm, standing: byUuid.get(vm.uuid) ?? null }));
    world.present(command, { vms: answer }, () =>
      vmListLines(answer, world.now(), world.screen.width),
    );
  });

const show = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const uuid = await uuidOf(api, which);
    const [vm, standing] = await Promise.all([api.vm(uuid), api.vmStanding(uuid)]);
    world.present(command, { ...vm, standing }, () => [
      ...vmLines(vm, world.screen.textWidth, standingFields(standing, world.now())),
      ...clearLines(standing),
    ]);
  });

const starts = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const uuid = await uuidOf(api, which);
    const [answer, { reasons }] = await Promise.all([api.vmStarts(uuid), api.reasons()]);
    const { width, textWidth } = world.screen;
    world.present(command, answer, () =>
      vmStartLines(answer, { now: world.now(), width, textWidth, reasons }),
    );
    if (answer.nextCursor !== undefined) world.note(command, faint('There are earlier requests.'));
  });
