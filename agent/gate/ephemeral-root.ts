import type { DiskName } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import { namedFiles } from './named-files.ts';
import { readPairs } from './option-pairs.ts';

/** Of these the words of a drive say already what becomes of what is written. */
const SAID = new Set(['snapshot', 'readonly', 'read-only']);

/**
 * The command with the disk on an overlay of QEMU's own, which has no name and is gone with QEMU (`snapshot=on`). The
 * disk is `disk0`, `disk1` in the order in which the command names them, and has to be given by -drive.
 * @throws AppError EPHEMERAL_ROOT_REFUSED, DEFINITION_UNREADABLE, DEFINITION_UNCOVERED
 */
export async function withEphemeralRoot<Command extends readonly string[]>(
  command: Command,
  disk: DiskName,
  workingDirectory: string,
): Promise<Command> {
  const named = await namedFiles(command, workingDirectory);
  const disks = named.filter(({ role }) => role === 'disk');
  const { argument } = disks[Number(/^disk([0-9]+)$/u.exec(disk)?.[1] ?? Number.NaN)] ?? {};
  if (typeof argument !== 'number') throw refused(`the command names no ${disk}`);
  const words = command[argument] ?? '';
  if (!/^--?drive$/u.test(command[argument - 1] ?? '')) {
    throw refused(`${disk} is not given by -drive: ${words}`);
  }
  if (readPairs(words, 'file').some(({ key }) => SAID.has(key))) {
    throw refused(`${disk} has snapshot or readonly of its own: ${words}`);
  }
  const changed = [...command];
  changed[argument] = `${words},snapshot=on`;
  return changed as readonly string[] as Command;
}

const refused = (detail: string) =>
  agentError('EPHEMERAL_ROOT_REFUSED', { status: 422, detail: detail.slice(0, 1_024) });
