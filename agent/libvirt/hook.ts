import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { agentError, detailOf } from '../codes.ts';

const SOURCE = fileURLToPath(new URL('../../deploy/libvirt/touchstone', import.meta.url));
const SOCKET_LINE = /^my \$socket = '.*';$/mu;

/**
 * The hook as this agent brings it, which asks at that socket. For an agent whose state directory is the usual one it
 * is the file deploy/libvirt/touchstone as it stands.
 * @throws AppError HOOK_FAILED
 */
export async function hookText(socketPath: string): Promise<string> {
  if (!/^\/[A-Za-z0-9._/+@-]+$/u.test(socketPath)) {
    const detail = `${socketPath}: give the agent a state directory of plain letters`;
    throw agentError('HOOK_FAILED', { detail });
  }
  const source = await readFile(SOURCE, 'utf8');
  return source.replace(SOCKET_LINE, `my $socket = '${socketPath}';`);
}

/** SHA-256 of it, in hex, or why it cannot be told: then no hook is known to be right. */
export type BroughtHook = { readonly sha256: string } | { readonly unknown: string };

export const broughtHook = (socketPath: string): Promise<BroughtHook> =>
  hookText(socketPath).then(
    (text) => ({ sha256: createHash('sha256').update(text).digest('hex') }),
    (error: unknown) => ({ unknown: detailOf(error) }),
  );
