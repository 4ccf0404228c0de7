import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Deployment, end, firstLine, HOUSE, readJsonFile, start } from '../deployment.ts';
import { MEASURED_CORE } from '../processor.ts';
import type { Login } from './fleet.ts';

/** A process that answers, alone on the core that is measured. */
export type Measured = AsyncDisposable & { readonly pid: number; readonly url: string };

type ServerConfig = {
  readonly migrateDatabase: Login;
  readonly tls: { readonly keyFile: string; readonly certFile: string };
};

/** What owns the tables. */
export const ownerOf = async ({ data }: Deployment): Promise<Login> =>
  (await readJsonFile<ServerConfig>(join(data, 'server/config.json'))).migrateDatabase;

/** Another server process over the deployment's database, with the same keys. */
export async function startServer({ data }: Deployment): Promise<Measured> {
  const config = await readJsonFile<object>(join(data, 'server/config.json'));
  const path = join(data, 'server/bench.json');
  const listen = { host: '127.0.0.1', port: 0 };
  await writeFile(path, JSON.stringify({ ...config, listen }), { mode: 0o600 });
  return startMeasured(join(HOUSE, 'server/main.ts'), 'serve', '--config', path);
}

/** The floor, over the same transport. */
export async function startBareExchange({ data }: Deployment): Promise<Measured> {
  const { tls } = await readJsonFile<ServerConfig>(join(data, 'server/config.json'));
  return startMeasured(join(HOUSE, 'bench/http/bare-exchange.ts'), tls.keyFile, tls.certFile);
}

async function startMeasured(...args: readonly [string, ...string[]]): Promise<Measured> {
  const child = start(MEASURED_CORE, ...args);
  try {
    const { port } = JSON.parse(await firstLine(child)) as { port: number };
    // Nobody reads what it logs.
    child.stderr?.resume();
    const url = `https://127.0.0.1:${port}`;
    return { pid: child.pid ?? 0, url, [Symbol.asyncDispose]: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}
