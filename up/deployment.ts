import { type Child, startRoom } from './child.ts';
import { ensureDataDirectory } from './data-directory.ts';
import type { Postgres } from './database-access.ts';
import { firstTokensOf } from './first-tokens.ts';
import { openPostgres } from './postgres.ts';
import { type CaAddress, prepareCa, prepareServer, room, type RoomOptions } from './rooms.ts';

export type DeploymentOptions = Omit<RoomOptions, 'quorum'> & {
  readonly quorum?: number;
  readonly progress: (line: string) => void;
};

export type Deployment = {
  readonly url: string;
  readonly fingerprint: string;
  /** The operator's first token: only the first time that this data directory comes up. */
  readonly firstToken: string | null;
  /** Likewise, for another person, where loosening takes two. */
  readonly secondToken: string | null;
  /** The CA is another party: its tokens are its own. */
  readonly firstCaToken: string | null;
  readonly secondCaToken: string | null;
  readonly ca: CaAddress;
  /** How many people loosening takes: as the database has it. */
  readonly quorum: number;
  /** Resolves with a name when a part has ended by itself. */
  readonly failed: Promise<string>;
  stop(): Promise<void>;
};

/** Private PostgreSQL, the CA and the verifier, each a process with its own files: DESIGN section 6. */
export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const { dataDir, progress } = options;
  await ensureDataDirectory(dataDir);
  const started: {
    readonly name: string;
    readonly child: Child;
    readonly signal: NodeJS.Signals;
  }[] = [];
  const stop = async (): Promise<void> => {
    for (const { child, signal } of started.toReversed()) await child.stop(signal);
  };
  try {
    const postgres = await openPostgres(dataDir, progress);
    if (postgres.child !== null) {
      started.push({ name: 'PostgreSQL', child: postgres.child, signal: 'SIGINT' });
    }
    const ca = await startCa(options, postgres);
    started.push({ name: 'the CA', child: ca.child, signal: 'SIGTERM' });
    const server = await startServer(options, postgres, ca);
    started.push({ name: 'the verifier', child: server.child, signal: 'SIGTERM' });
    // A CA that is given its first operators later than the server begins with the same quorum.
    const atCa = await firstTokensOf('ca', dataDir, { ...ca, quorum: server.quorum });
    return {
      url: server.url,
      fingerprint: server.tls.pin,
      ...{ firstToken: server.tokens.first, secondToken: server.tokens.second },
      ...{ firstCaToken: atCa.first, secondCaToken: atCa.second },
      ca: { url: ca.url, pin: ca.pin },
      quorum: server.quorum,
      failed: Promise.race(started.map(({ name, child }) => child.ended.then(() => name))),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startCa(options: DeploymentOptions, postgres: Postgres) {
  options.progress('starting the CA');
  const { config, logFile, url, pin } = await prepareCa({ quorum: 1, ...options }, postgres);
  const command = room('ca', 'serve', '--config', config);
  const { child } = await startRoom({ name: 'the CA', command, logFile });
  return { child, url, pin, config, logFile };
}

async function startServer(options: DeploymentOptions, postgres: Postgres, ca: CaAddress) {
  options.progress('starting the verifier');
  const { config, logFile, url, tls } = await prepareServer(
    { quorum: 1, ...options },
    postgres,
    ca,
  );
  const command = room('server', 'serve', '--config', config);
  const { child, ready } = await startRoom({ name: 'the verifier', logFile, command });
  try {
    const tokens = await firstTokensOf('server', options.dataDir, { config, logFile });
    const quorum = tokens.second === null ? Number(ready['quorum']) : 2;
    return { child, url, tls, tokens, quorum };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
