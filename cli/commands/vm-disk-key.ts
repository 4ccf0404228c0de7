import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { DiskKeyList, DiskName } from '@touchstone/schemas';
import { readDisk, readName } from '../arguments.ts';
import { readStart } from '../input.ts';
import { diskKeyLines } from '../show/vm.ts';
import { CliError } from '../codes.ts';
import { intoKeyFile } from '../secret-file.ts';
import { uuidOf } from '../vm-names.ts';
import type { World } from '../world.ts';

const MAX_KEY_BYTES = 512;

/** `vm disk-key`: keys go in, and nothing gives them back. */
export function addDiskKeyCommands(vm: Command, world: World): void {
  const keys = vm
    .command('disk-key')
    .description('keys of sealed disks; the server gives them to the TPM of a trusted host alone');

  keys
    .command('generate')
    .description('make a key, store it, and keep the one copy for recovery in a new file')
    .argument('<vm>', 'UUID or name', readName)
    .argument('<disk>', 'as its record names it', readDisk)
    .requiredOption('--out <file>', 'the copy, for your eyes alone: whoever has it opens the disk')
    .action((which: string, disk: string, { out }: { out: string }, command: Command) =>
      generate(world, { which, disk, out }, command),
    );

  keys
    .command('set')
    .description('store a key that is there already')
    .argument('<vm>', 'UUID or name', readName)
    .argument('<disk>', 'as its record names it', readDisk)
    .requiredOption('--key-file <file>', 'its bytes as they are, a last newline too; - for input')
    .action((which: string, disk: string, options: { keyFile: string }, command: Command) =>
      set(world, { which, disk, file: options.keyFile }, command),
    );

  keys
    .command('list')
    .description('which disks a key is stored for')
    .argument('<vm>', 'UUID or name', readName)
    .action((which: string, _: object, command: Command) => list(world, which, command));

  keys
    .command('remove')
    .description('forget a key: the disk then opens by a copy of it alone')
    .argument('<vm>', 'UUID or name', readName)
    .argument('<disk>', 'as its record names it', readDisk)
    .action((which: string, disk: string, _: object, command: Command) =>
      remove(world, { which, disk }, command),
    );
}

type Named = { readonly which: string; readonly disk: DiskName };

const generate = (
  world: World,
  { which, disk, out }: Named & { readonly out: string },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const uuid = await uuidOf(api, which);
    const key = randomBytes(32).toString('base64');
    const answer = await intoKeyFile(out, key, () =>
      api.setDiskKey(uuid, { disk, key: Buffer.from(key).toString('base64url') }),
    );
    world.present(command, answer, () => [
      `The key of ${disk} is stored. ${out} has the one copy that people can read:`,
      'keep it away from the hosts. Without it, and without the server, the disk is lost.',
      `Make the disk:  qemu-img create -f luks --object secret,id=key,file=${out} \\`,
      '                  -o key-secret=key DISK.luks SIZE',
    ]);
  });

const set = (
  world: World,
  { which, disk, file }: Named & { readonly file: string },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const bytes = await readStart(file, world.stdin, MAX_KEY_BYTES + 1);
    if (bytes.length > MAX_KEY_BYTES)
      throw new CliError('FILE_TOO_LARGE', `${MAX_KEY_BYTES} bytes`);
    const key = Buffer.from(bytes).toString('base64url');
    present(world, command, await api.setDiskKey(await uuidOf(api, which), { disk, key }));
  });

const list = (world: World, which: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) =>
    present(world, command, await api.diskKeys(await uuidOf(api, which))),
  );

const remove = (world: World, { which, disk }: Named, command: Command): Promise<void> =>
  world.asOperator(command, async (api) =>
    present(world, command, await api.removeDiskKey(await uuidOf(api, which), { disk })),
  );

const present = (world: World, command: Command, answer: DiskKeyList): void =>
  world.present(command, answer, () => diskKeyLines(answer, world.now(), world.screen.width));
