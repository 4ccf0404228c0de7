import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { Rotation, RotationStart } from '@touchstone/schemas';
import { readName } from '../../arguments.ts';
import { type CaOperatorApi } from '../../ca-operator-api.ts';
import { CliError } from '../../codes.ts';
import type { OperatorApi } from '../../operator-api.ts';
import { type LosingHost, losingLines } from '../../show/losing-trust.ts';
import { hasEnded, progressLine, rotationLines } from '../../show/rotation.ts';
import { type World, globalsOf } from '../../world.ts';
import { answersYes } from '../../yes.ts';

type StartOptions = {
  readonly kind?: RotationStart['kind'];
  readonly auto?: true;
  readonly rehearse?: true;
  readonly canary?: readonly string[];
  readonly compromise?: true;
  readonly reason: string;
  readonly yes?: true;
  readonly watch?: true;
};

export function addCaRotateCommands(ca: Command, world: World): void {
  const rotate = ca
    .command('rotate')
    .description("change the CA's keys: step by step or by itself, and no host is refused for it");

  rotate
    .command('start')
    .description('begin; one change at a time')
    .addOption(
      new Option(
        '--kind <kind>',
        'issuing: the key that vouches for hosts; root: the one that they trust as well (default: issuing; after a theft: root)',
      ).choices(['issuing', 'root']),
    )
    .option('--auto', 'go on by itself whenever nothing stands against it')
    .option('--rehearse', 'with keys that are thrown away, on the hosts that --canary names')
    .option('--canary <name>', 'a host that takes part; repeatable', gather)
    .option('--compromise', 'the old keys may be stolen: nothing by them counts any more, at once')
    .option('--reason <text>', 'why, for the audit log', 'started by an operator')
    .option('--yes', 'ask nothing')
    .option('--watch', 'wait until it is over, and show how it goes')
    .action((options: StartOptions, command: Command) => start(world, options, command));

  rotate
    .command('advance')
    .description('go on by one step')
    .option('--force', 'past what stands against it; that is written down')
    .action(({ force }: { force?: true }, command: Command) =>
      advance(world, force === true, command),
    );

  rotate
    .command('rollback')
    .description('take it back: the old key is in use again')
    .action((_: object, command: Command) => rollBack(world, command));

  rotate
    .command('watch')
    .description('wait until it is over, and show how it goes')
    .action((_: object, command: Command) => watch(world, command));
}

const gather = (name: string, before: readonly string[] = []): string[] => [
  ...before,
  readName(name),
];

const start = (world: World, options: StartOptions, command: Command): Promise<void> =>
  withBoth(world, command, async (ca, api) => {
    const asked = await startOf(api, options);
    const losing = asked.mode === 'compromise' ? await losingTrust(api) : [];
    if (asked.mode === 'compromise') {
      if (options.yes !== true && !(await confirmed(world, command, losing))) {
        world.answersNo();
        return;
      }
    }
    const rotation = await ca.startRotation(asked);
    const ended =
      options.watch === true ? await follow(world, command, ca, api, rotation) : rotation;
    presentOf(world, command, ended, asked.mode === 'compromise' ? { losing } : {});
  });

async function startOf(api: OperatorApi, options: StartOptions): Promise<RotationStart> {
  const { auto, rehearse, compromise, canary = [], reason } = options;
  const mode = rehearse ? 'rehearsal' : compromise ? 'compromise' : 'planned';
  const isOdd =
    (rehearse === true && compromise === true) || canary.length > 0 !== (rehearse === true);
  if (isOdd) throw new CliError('CA_ROTATION_ODD');
  const canaries = [];
  for (const name of canary) canaries.push({ name, ekRef: (await api.host(name)).ekRef });
  return {
    ...{
      kind: options.kind ?? (compromise ? 'root' : 'issuing'),
      mode,
      auto: auto === true,
      reason,
    },
    ...(canaries.length === 0 ? {} : { canaries }),
  };
}

/** All hosts with a certificate that counts now: none by an old key counts afterwards. */
async function losingTrust(api: OperatorApi): Promise<LosingHost[]> {
  const { issuers } = await api.ca();
  const losing: LosingHost[] = [];
  for (const { keyId, state, hosts } of issuers) {
    if (state === 'refused' || hosts.count === 0) continue;
    const found = await api.hostsOfIssuer(keyId);
    losing.push(...found.hosts.map(({ name, away, vms }) => ({ name, away, vms })));
  }
  return losing.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whoever has no answer has said no: without --yes, --json names who would lose trust and does nothing. */
async function confirmed(
  world: World,
  command: Command,
  losing: readonly LosingHost[],
): Promise<boolean> {
  if (globalsOf(command).json) {
    world.present(command, { losing, rotation: null }, () => []);
    return false;
  }
  world.screen.print(...losingLines(losing), '');
  world.screen.note('This cannot be taken back. Type "yes" to go on:');
  if (await answersYes(world.stdin)) return true;
  world.screen.print('Nothing was done.');
  return false;
}

const advance = (world: World, force: boolean, command: Command): Promise<void> =>
  world.asCaOperator(command, async (ca) => {
    const { id, phase } = await running(ca);
    presentOf(world, command, await ca.advanceRotation(id, { from: phase, force }), {});
  });

const rollBack = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (ca) => {
    const { id } = await running(ca);
    presentOf(world, command, await ca.rollBackRotation(id), {});
  });

const watch = (world: World, command: Command): Promise<void> =>
  withBoth(world, command, async (ca, api) => {
    const ended = await follow(world, command, ca, api, await latest(ca));
    presentOf(world, command, ended, {});
    if (ended.phase !== 'done') world.answersNo();
  });

const LOOK_EVERY_MS = 2_000;

/** Until it is over. A manual one is looked at for as long as somebody wants to. */
async function follow(
  world: World,
  command: Command,
  ca: CaOperatorApi,
  api: OperatorApi,
  rotation: Rotation,
): Promise<Rotation> {
  let now = rotation;
  let told = '';
  for (;;) {
    const line = progressLine(now);
    if (line !== told) world.note(command, line);
    told = line;
    if (hasEnded(now)) return now;
    // The server asks the CA when it is asked itself: what waits for it waits less.
    await api.ca().catch(() => undefined);
    await sleep(LOOK_EVERY_MS);
    const { rotations } = await ca.rotations();
    now = rotations.find(({ id }) => id === rotation.id) ?? now;
  }
}

/** That which is under way, or was over before anybody looked. @throws CliError CA_ROTATION_NONE */
async function latest(ca: CaOperatorApi): Promise<Rotation> {
  const { rotation } = await ca.status();
  const [newest] = rotation === null ? (await ca.rotations()).rotations : [rotation];
  if (newest === undefined) throw new CliError('CA_ROTATION_NONE');
  return newest;
}

/** @throws CliError CA_ROTATION_NONE */
async function running(ca: CaOperatorApi): Promise<Rotation> {
  const { rotation } = await ca.status();
  if (rotation === null) throw new CliError('CA_ROTATION_NONE');
  return rotation;
}

function presentOf(world: World, command: Command, rotation: Rotation, beside: object): void {
  const width = world.screen.textWidth;
  world.present(command, 'losing' in beside ? { ...beside, rotation } : rotation, () =>
    rotationLines(rotation, { now: world.now(), width }),
  );
}

const withBoth = (
  world: World,
  command: Command,
  work: (ca: CaOperatorApi, api: OperatorApi) => Promise<void>,
): Promise<void> =>
  world.asCaOperator(command, (ca) => world.asOperator(command, (api) => work(ca, api)));
