import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { house, readCompose, type Service } from './compose.ts';
import { inherited } from './inherited.ts';

const run = promisify(execFile);

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * The services of docker-compose.yml without containers: their own commands, each with a directory of
 * its own in which there is what the file gives it and nothing else. What a container changes is
 * changed here too, and no more: names to 127.0.0.1, ports to free ones, paths into that directory.
 */
export interface Uncontained {
  readonly port: Readonly<Record<Port, number>>;
  /** What prepare.sh said. */
  readonly prepared: string;
  readonly directory: string;
  /** The service's command to its end, or others in its place. */
  run(service: string, command?: readonly string[]): Promise<Outcome>;
  /** Starts the service's command, and waits until its health check says yes. */
  serve(service: string): Promise<void>;
  health(service: string): Promise<Outcome>;
  stop(): Promise<void>;
}

const PORTS = ['postgres', 'ca', 'server', 'proxyCa', 'proxyServer', 'proxyHealth'] as const;
type Port = (typeof PORTS)[number];

export async function prepareUncontained(name: string): Promise<Uncontained> {
  const directory = await mkdtemp(join(tmpdir(), 'ts-co-'));
  const compose = readCompose();
  const port = await freePorts();
  const children: ChildProcess[] = [];
  const service = (called: string): Service => {
    const found = compose.services[called];
    if (found === undefined) throw new Error(`no service ${called}`);
    return found;
  };
  const prepare = ['deploy/compose/prepare.sh', name];
  const deployment = join(directory, 'deployment');
  const { stdout: prepared } = await run('sh', prepare, {
    cwd: house,
    env: { ...process.env, TOUCHSTONE_DEPLOYMENT: deployment },
  });

  const owner = process.getuid?.() === 0 ? await stat('/var/lib/postgresql') : undefined;
  const isPostgres = (called: string) => service(called).image?.startsWith('touchstone-postgres:');
  const inside = (called: string) => (text: string) =>
    text
      .replaceAll('/run/secrets', join(directory, called, 'secrets'))
      .replaceAll('/etc/touchstone', join(directory, called, 'etc'))
      .replaceAll('/run/postgresql', join(directory, 'postgres', 'run'))
      .replaceAll('/var/lib/touchstone/ca', join(directory, 'ca-keys'))
      .replaceAll('/run/touchstone/ca-issuance', join(directory, 'ca-issuance', 'run'))
      .replaceAll('127.0.0.1:8443', `127.0.0.1:${port.server}`)
      .replaceAll('127.0.0.1:8444', `127.0.0.1:${port.ca}`)
      .replaceAll(
        '"host": "postgres", "port": 5432',
        `"host": "127.0.0.1", "port": ${port.postgres}`,
      )
      .replace('"host": "0.0.0.0", "port": 8443', `"host": "127.0.0.1", "port": ${port.server}`)
      .replace('"host": "0.0.0.0", "port": 8444', `"host": "127.0.0.1", "port": ${port.ca}`)
      .replaceAll(`https://${name}:8443`, `https://127.0.0.1:${port.proxyServer}`)
      .replaceAll(`https://${name}:8444`, `https://127.0.0.1:${port.proxyCa}`);

  /** What the service is given, anew each time. */
  const furnish = async (called: string): Promise<void> => {
    const { secrets = [], configs = [] } = service(called);
    for (const part of ['secrets', 'etc', 'run', 'home']) {
      await mkdir(join(directory, called, part), { recursive: true, mode: 0o700 });
    }
    for (const secret of secrets) {
      const file = join(
        deployment,
        compose.secrets[secret]?.file?.replace('deployment/', '') ?? '',
      );
      await cp(file, join(directory, called, 'secrets', secret));
    }
    for (const { source, target } of configs) {
      const file = join(
        deployment,
        compose.configs[source]?.file?.replace('deployment/', '') ?? '',
      );
      const text = inside(called)(await readFile(file, 'utf8'));
      await writeFile(join(directory, called, 'etc', basename(target)), text);
    }
    if (!isPostgres(called)) return;
    const images = 'deploy/images/postgres';
    await cp(join(house, images), join(directory, called, images), { recursive: true });
    if (owner === undefined) return;
    await run('chown', ['-R', `${owner.uid}:${owner.gid}`, join(directory, called)]);
    await chown(directory, owner.uid, owner.gid);
  };

  const start = (called: string, command: readonly string[]): ChildProcess => {
    const as =
      owner !== undefined && isPostgres(called)
        ? [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']
        : [];
    const words = command.map(inside(called));
    const child = spawn('setpriv', [...as, '--pdeathsig', 'KILL', '--', ...words], {
      cwd: isPostgres(called) ? join(directory, called) : house,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inherited(),
        PATH: `${house}/node_modules/.bin:/usr/sbin:/usr/bin:/bin`,
        PGHOST: '127.0.0.1',
        PGPORT: String(port.postgres),
        TOUCHSTONE_SECRETS: join(directory, called, 'secrets'),
        TOUCHSTONE_POSTGRES_HOME: join(directory, called, 'home'),
        TOUCHSTONE_POSTGRES_SOCKET: join(directory, called, 'run'),
        TOUCHSTONE_PROXY_ADDRESS: '127.0.0.1',
        TOUCHSTONE_PROXY_SERVER_PORT: String(port.proxyServer),
        TOUCHSTONE_PROXY_CA_PORT: String(port.proxyCa),
        TOUCHSTONE_PROXY_HEALTH_PORT: String(port.proxyHealth),
        TOUCHSTONE_SERVER: `127.0.0.1:${port.server}`,
        TOUCHSTONE_CA: `127.0.0.1:${port.ca}`,
      },
    });
    children.push(child);
    return child;
  };
  const toEnd = async (child: ChildProcess): Promise<Outcome> => {
    const said = listen(child);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? 128, ...said() };
  };
  const health = (called: string) =>
    toEnd(start(called, service(called).healthcheck?.test?.slice(1) ?? []));

  return {
    ...{ port, prepared, directory, health },
    run: async (called, command = service(called).command ?? []) => {
      await furnish(called);
      return toEnd(start(called, command));
    },
    serve: async (called) => {
      await furnish(called);
      const child = start(called, service(called).command ?? []);
      const said = listen(child);
      for (let waited = 0; waited < 20_000; waited += 200) {
        if ((await health(called)).code === 0) return;
        if (child.exitCode !== null) break;
        await sleep(200);
      }
      throw new Error(`${called} is not well: ${said().stderr}${said().stdout}`);
    },
    stop: async () => {
      for (const child of children.toReversed()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGINT');
        const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
        await ended;
        clearTimeout(late);
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function listen(child: ChildProcess): () => { stdout: string; stderr: string } {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  return () => said;
}

/** All open at once, so that no two are the same. */
async function freePorts(): Promise<Record<Port, number>> {
  const servers = PORTS.map(() => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return Object.fromEntries(PORTS.map((name, i) => [name, ports[i]])) as Record<Port, number>;
}
