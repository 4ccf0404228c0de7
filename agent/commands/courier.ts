import { once } from 'node:events';
import { resolve } from 'node:path';
import process from 'node:process';
import { becomeUser } from '../courier/other-user.ts';
import { serveCourier } from '../courier/serve.ts';
import type { AgentSurroundings } from '../surroundings.ts';

export type CourierOptions = {
  readonly socket: string;
  readonly group?: boolean;
  readonly as?: string;
  readonly attached?: boolean;
};

/** Until it is told to stop; attached to an agent, until that one's end of its standard input is closed. */
export async function courierCommand(
  surroundings: Pick<AgentSurroundings, 'stdout' | 'stopOnSignal' | 'workingDirectory'>,
  options: CourierOptions,
): Promise<void> {
  const courier = await serveCourier({
    socketPath: resolve(surroundings.workingDirectory, options.socket),
    mode: options.group ? 0o660 : 0o600,
  });
  try {
    if (options.as !== undefined) becomeUser(options.as);
    surroundings.stdout.write(`${JSON.stringify({ ready: true })}\n`);
    await ending(surroundings.stopOnSignal(), options.attached === true);
  } finally {
    await courier.close();
  }
}

async function ending(stop: AbortSignal, attached: boolean): Promise<void> {
  const signalled = new Promise((told) => stop.addEventListener('abort', told, { once: true }));
  if (!attached) {
    await signalled;
    return;
  }
  process.stdin.resume();
  await Promise.race([signalled, once(process.stdin, 'end'), once(process.stdin, 'error')]);
}
