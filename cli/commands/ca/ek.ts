import type { Command } from 'commander';
import type { AssuranceClass } from '@touchstone/schemas';
import { readClass, readEkName, readSha256 } from '../../arguments.ts';
import {
  endorsementKeyLines,
  endorsementKeyListLines,
  pinLines,
  waitingLines,
} from '../../show/endorsement-keys.ts';
import { classText } from '../../show/state.ts';
import type { World } from '../../world.ts';
import { namesOf } from './bundle.ts';

type WithReason = { readonly reason: string };
const WHY = ['--reason <text>', 'why, in a line'] as const;

export function addCaEkCommands(ca: Command, world: World): void {
  const ek = ca
    .command('ek')
    .description('endorsement keys: which TPMs the CA has certified, and which wait for somebody');

  ek.command('list')
    .description('every TPM that has enrolled, and what vouches for it')
    .action((_: object, command: Command) => list(world, command));
  ek.command('show')
    .description('one of them')
    .argument('<ekref>', 'its reference, as `touchstone host show` prints it', readSha256)
    .action((ekRef: string, _: object, command: Command) => show(world, ekRef, command));
  ek.command('waiting')
    .description('TPMs that asked and that nobody vouches for')
    .action((_: object, command: Command) => waiting(world, command));
  ek.command('pins')
    .description('those that an operator vouches for')
    .action((_: object, command: Command) => pins(world, command));
  ek.command('pin')
    .description('vouch for exactly one EK; of a chip, where the quorum is 2, two people do')
    .argument('<name>', 'its Name, as the machine itself prints it', readEkName)
    .requiredOption('--class <class>', 'discrete, firmware, virtual or software', readClass)
    .requiredOption('--reason <text>', 'how you know: seen on the machine, the bill of the maker')
    .action((name: string, options: { class: AssuranceClass; reason: string }, command: Command) =>
      pin(world, name, options, command),
    );
  ek.command('unpin')
    .description('vouch for it no more: it renews no more')
    .argument('<name>', 'its Name', readEkName)
    .requiredOption(...WHY)
    .action((name: string, options: WithReason, command: Command) =>
      unpin(world, name, options, command),
    );
  ek.command('decommission')
    .description('take a TPM out of service: its certificates are revoked, and it gets no others')
    .argument('<ekref>', 'its reference', readSha256)
    .requiredOption(...WHY)
    .action((ekRef: string, options: WithReason, command: Command) =>
      decommission(world, ekRef, options, command),
    );
  ek.command('readmit')
    .description('let one that was decommissioned enrol again; of a chip by the quorum')
    .argument('<ekref>', 'its reference', readSha256)
    .requiredOption(...WHY)
    .action((ekRef: string, options: WithReason, command: Command) =>
      readmit(world, ekRef, options, command),
    );
}

const list = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.endorsementKeys();
    const names = await namesOf(world, { keys: answer.keys.slice(0, 1_000) }, command);
    world.present(command, { ...answer, hosts: Object.fromEntries(names) }, () =>
      endorsementKeyListLines(answer.keys, { names, now: world.now(), width: world.screen.width }),
    );
  });

const show = (world: World, ekRef: string, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const key = await api.endorsementKey(ekRef);
    const names = await namesOf(world, { keys: [key] }, command);
    world.present(command, { ...key, host: names.get(ekRef) ?? null }, () =>
      endorsementKeyLines(key, { host: names.get(ekRef), width: world.screen.textWidth }),
    );
  });

const waiting = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.waitingKeys();
    world.present(command, answer, () =>
      waitingLines(answer, { now: world.now(), width: world.screen.textWidth }),
    );
  });

const pins = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.pins();
    world.present(command, answer, () => pinLines(answer, world.screen.textWidth));
  });

const pin = (
  world: World,
  ekName: string,
  { class: assuranceClass, reason }: { readonly class: AssuranceClass; readonly reason: string },
  command: Command,
): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.pinEk({ ekName, class: assuranceClass, reason });
    world.present(command, answer, () => [
      `Pinned: this EK is of class ${classText(assuranceClass)}, because you say so.`,
      'Enrol its host again; its certificate and its results say that it was pinned.',
    ]);
  });

const unpin = (world: World, ekName: string, body: WithReason, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.unpinEk(ekName, body);
    world.present(command, answer, () => [
      'Nobody vouches for this EK any more: its next renewal is refused.',
    ]);
  });

const decommission = (
  world: World,
  ekRef: string,
  body: WithReason,
  command: Command,
): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.decommissionEk(ekRef, body);
    world.present(command, answer, () => [
      `Out of service: ${answer.revoked} certificates were revoked, and no other follows.`,
      ...(answer.listed ? [] : ['The revocation lists follow as soon as they can be signed.']),
      'It comes back by `touchstone ca ek readmit` alone.',
    ]);
  });

const readmit = (world: World, ekRef: string, body: WithReason, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const key = await api.readmitEk(ekRef, body);
    world.present(command, key, () => [
      'Readmitted: it may have certificates again. What was revoked stays revoked.',
    ]);
  });
