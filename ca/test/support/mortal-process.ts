import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { PostgresLogin } from '../../../test/support/postgres.ts';
import { type Errand, liveUntil } from './mortal-ca.ts';
import { RotatingCa } from './rotating-ca.ts';

type Life = {
  readonly login: PostgresLogin;
  readonly stateDir: string;
  readonly errand: Errand;
  readonly nth: number;
};

/** As liveUntil, in a process of its own that ends by SIGKILL; or, after `killedAfterMs`, wherever it is then. */
export async function liveInProcess(
  { login, stateDir }: Pick<RotatingCa, 'login' | 'stateDir'>,
  errand: Errand,
  { nth, killedAfterMs }: { readonly nth: number; readonly killedAfterMs?: number },
): Promise<boolean> {
  const life: Life = { login, stateDir, errand, nth };
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(life)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const said = text(child.stderr);
  const begun = once(child.stdout, 'data');
  let timer: NodeJS.Timeout | undefined;
  if (killedAfterMs !== undefined) {
    await Promise.race([begun, ended]);
    timer = setTimeout(() => child.kill('SIGKILL'), killedAfterMs);
  }
  const [code, signal] = await ended;
  clearTimeout(timer);
  if (signal === 'SIGKILL') return true;
  if (code !== 0) throw new Error(await said);
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { login, stateDir, errand, nth } = JSON.parse(process.argv[2] ?? '') as Life;
  const ca = new RotatingCa(login, stateDir);
  process.stdout.write('begun\n');
  await liveUntil(ca, errand, { nth, die: () => process.kill(process.pid, 'SIGKILL') });
  await ca.close();
}
