import type { Command } from 'commander';
import type {
  AssuranceClass,
  HostApproval,
  HostDetail,
  HostLabelling,
  Labels,
} from '@touchstone/schemas';
import {
  gatherClasses,
  gatherLabelling,
  gatherLabels,
  readAkName,
  readName,
} from '../arguments.ts';
import { CliError } from '../codes.ts';
import { explanationLines } from '../show/explanation.ts';
import { hostDetailLines } from '../show/host-detail.ts';
import { hostListLines } from '../show/host-list.ts';
import { loadTitles } from '../show/reason-titles.ts';
import { classText } from '../show/state.ts';
import type { World } from '../world.ts';
import { addHostRevokeCommand } from './host-revoke.ts';
import { addReplacementCommands } from './replacements.ts';

type ApproveOptions = {
  readonly class?: readonly AssuranceClass[];
  readonly label?: Labels;
  readonly akName?: string;
};

export function addHostCommands(program: Command, world: World): void {
  const host = program
    .command('host')
    .description('the fleet: which hosts are trusted, and why not');

  host
    .command('list')
    .description('every host with its state and the reason for it')
    .action((_: object, command: Command) => list(world, command));

  host
    .command('show')
    .description('one host: identity, class, labels, counters')
    .argument('<host>', 'name or id', readName)
    .action((name: string, _: object, command: Command) => show(world, name, command));

  host
    .command('explain')
    .description('why a host is trusted or not, and what to do')
    .argument('<host>', 'name or id', readName)
    .option('--events', 'list every measured event')
    .action((name: string, options: { events?: true }, command: Command) =>
      explain(world, name, options.events === true, command),
    );

  host
    .command('approve')
    .description('say that a host is the machine it should be; what is approved is its AK Name')
    .argument('<host>', 'name or id', readName)
    .option(
      '--class <class>',
      "admit this class; repeatable (default: the host's own)",
      gatherClasses,
    )
    .option('--label <key=value>', 'give it this label; repeatable', gatherLabels)
    .option('--ak-name <hex>', 'approve only if this is its AK Name', readAkName)
    .action((name: string, options: ApproveOptions, command: Command) =>
      approve(world, name, options, command),
    );

  addHostRevokeCommand(host, world);

  host
    .command('label')
    .description('say what kind of machine it is: labels choose its baselines and its VMs')
    .argument('<host>', 'name or id', readName)
    .argument('<change...>', 'KEY=VALUE sets a label, KEY- takes it away', gatherLabelling)
    .action((name: string, change: HostLabelling, _: object, command: Command) =>
      label(world, name, change, command),
    );

  host
    .command('remove')
    .description('forget a host that is gone; a revoked one stays locked out')
    .argument('<host>', 'name or id', readName)
    .requiredOption('--reason <text>', 'why, for the audit log')
    .option('--decommission', 'take its TPM out of service at the CA too: no certificate any more')
    .action((name: string, options: { reason: string; decommission?: true }, command: Command) =>
      remove(world, name, options, command),
    );

  addReplacementCommands(host, world);
}

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const [hosts, titleOf] = await Promise.all([api.hosts(), loadTitles()]);
    const { width } = world.screen;
    world.present(command, hosts, () => hostListLines(hosts, { now: world.now(), width, titleOf }));
  });

const show = (world: World, name: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => presentHost(world, command, await api.host(name)));

const explain = (world: World, name: string, events: boolean, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const [explanation, titleOf] = await Promise.all([api.explainHost(name), loadTitles()]);
    const { width, textWidth } = world.screen;
    world.present(command, explanation, () =>
      explanationLines(explanation, { now: world.now(), width, textWidth, titleOf, events }),
    );
  });

/** The AK Name that is shown is the one that is sent: another one since then is refused there. */
function approve(
  world: World,
  name: string,
  options: ApproveOptions,
  command: Command,
): Promise<void> {
  return world.asOperator(command, async (api) => {
    const { host } = await api.host(name);
    if (options.akName !== undefined && options.akName !== host.akName) {
      throw new CliError('AK_NAME_DIFFERS', `named ${options.akName}, found ${host.akName}`);
    }
    const classes = [...(options.class ?? [host.class])];
    world.note(
      command,
      `Approving ${host.name} for class ${classes.map((each) => classText(each)).join(', ')}`,
      `with AK Name ${host.akName}`,
    );
    const approval: HostApproval = {
      akName: host.akName,
      classes,
      ...(options.label === undefined ? {} : { labels: options.label }),
    };
    await presentHost(world, command, await api.approveHost(host.id, approval));
  });
}

const label = (
  world: World,
  name: string,
  change: HostLabelling,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { host } = await api.host(name);
    await presentHost(world, command, await api.labelHost(host.id, change));
  });

const remove = (
  world: World,
  name: string,
  { reason, decommission }: { readonly reason: string; readonly decommission?: true },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { host, ekRef } = await api.host(name);
    // First, for it takes more: a host that is forgotten cannot be asked for its TPM.
    if (decommission === true) {
      await world.asCaOperator(command, async (ca) => {
        const { revoked } = await ca.decommissionEk(ekRef, { reason });
        world.note(command, `Its TPM is out of service: ${revoked} certificates were revoked.`);
      });
    }
    const removed = await api.removeHost(host.id, { reason });
    world.present(command, removed, () => [
      `Removed ${host.name}. Its name is free again${
        removed.host.stateBeneath === 'revoked' ? '; its TPM stays locked out' : ''
      }.`,
    ]);
  });

async function presentHost(world: World, command: Command, detail: HostDetail): Promise<void> {
  const titleOf = await loadTitles();
  const width = world.screen.textWidth;
  world.present(command, detail, () =>
    hostDetailLines(detail, { now: world.now(), width, titleOf }),
  );
}
