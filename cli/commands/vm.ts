import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type AssuranceClass, checkAgainst, type Labels, Uuid } from '@touchstone/schemas';
import { gatherClasses, gatherImages, gatherLabels, readName, readUuid } from '../arguments.ts';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';
import { loadTitles } from '../show/reason-titles.ts';
import { faint } from '../show/text.ts';
import { vmLines, vmListLines, vmStartLines } from '../show/vm.ts';
import type { World } from '../world.ts';

type AddOptions = {
  readonly name: string;
  readonly class: readonly AssuranceClass[];
  readonly hostLabel?: Labels;
  readonly image?: readonly string[];
  readonly refuseWarnings?: true;
};

export function addVmCommands(program: Command, world: World): void {
  const vm = program
    .command('vm')
    .description('VMs that start only on hosts that can prove themselves');

  vm.command('add')
    .description('register a VM')
    .argument('[uuid]', 'its UUID (default: a new one)', readUuid)
    .requiredOption('--name <name>', 'what to call it', readName)
    .requiredOption('--class <class>', 'hosts of this class may run it; repeatable', gatherClasses)
    .option('--host-label <key=value>', 'only on hosts with this label; repeatable', gatherLabels)
    .option('--image <sha256>', 'only with this image; repeatable (default: any)', gatherImages)
    .option('--refuse-warnings', 'not on hosts whose verdict is a warning')
    .action((uuid: string | undefined, options: AddOptions, command: Command) =>
      add(world, uuid ?? randomUUID(), options, command),
    );

  vm.command('list')
    .description('every registered VM')
    .action((_: object, command: Command) => list(world, command));

  vm.command('show')
    .description('one VM: where it may run and with what')
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

const add = (world: World, uuid: string, options: AddOptions, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { name, hostLabel = {}, image = [], refuseWarnings } = options;
    const vm = await api.addVm({
      uuid,
      name,
      classes: [...options.class],
      hostLabels: hostLabel,
      images: [...image],
      ...(refuseWarnings === true ? { warnings: 'refuse' } : {}),
    });
    world.present(command, vm, () => [
      ...vmLines(vm, world.screen.textWidth),
      '',
      `Start it on a host:  touchstone-agent run --vm ${vm.uuid} -- COMMAND`,
    ]);
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.vms();
    world.present(command, answer, () => vmListLines(answer, world.screen.width));
  });

const show = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const vm = await api.vm(await uuidOf(api, which));
    world.present(command, vm, () => vmLines(vm, world.screen.textWidth));
  });

const starts = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const uuid = await uuidOf(api, which);
    const [answer, titleOf] = await Promise.all([api.vmStarts(uuid), loadTitles()]);
    const { width } = world.screen;
    world.present(command, answer, () =>
      vmStartLines(answer, { now: world.now(), width, titleOf }),
    );
    if (answer.nextCursor !== undefined) world.note(command, faint('There are earlier requests.'));
  });

/** The server knows VMs by their UUID; people by their name. */
async function uuidOf(api: OperatorApi, which: string): Promise<string> {
  if (isUuid(which)) return which;
  const { vms } = await api.vms();
  const named = vms.find(({ name }) => name === which);
  if (named === undefined) throw new CliError('VM_UNKNOWN', which);
  return named.uuid;
}

function isUuid(text: string): boolean {
  try {
    checkAgainst(Uuid, text);
    return true;
  } catch {
    return false;
  }
}
