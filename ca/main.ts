import { pino } from 'pino';
import { readArguments, USAGE } from './arguments.ts';
import { CA_CODES, type CaCode } from './codes.ts';
import { type CaConfig, loadConfig } from './config.ts';

/** sysexits.h */
const EX_USAGE = 64;
const EX_DATAERR = 65;
const EX_UNAVAILABLE = 69;

/** Where it is not that the CA cannot run. */
const EXIT_OF: Readonly<Record<string, number>> = {
  CONFIG_INVALID: EX_DATAERR,
  EK_UNKNOWN: 1,
  FIRST_OPERATOR_EXISTS: 1,
};

const given = readArguments();
const log = pino(
  {
    base: { process: given?.command === 'issuance' ? 'ca-issuance' : 'ca' },
    redact: {
      paths: ['secret', 'password', 'credentialBlob', '*.secret', '*.password', '*.authorization'],
      censor: '[redacted]',
    },
  },
  pino.destination({ fd: 2, sync: true }),
);

/** Each command by itself: the process that has the keys does not even load what speaks HTTP or to a database. */
async function main(): Promise<void> {
  if (given === undefined) {
    process.stderr.write(USAGE);
    process.exit(EX_USAGE);
  }
  const config = await loadConfig(given.configFile);
  process.umask(0o077);
  switch (given.command) {
    case 'issuance': {
      const { runAsChild, runAtSocket } = await import('./issuance-process/index.ts');
      return given.inherited ? runAsChild(config, log) : runAtSocket(config, log);
    }
    case 'init': {
      const { initialize } = await import('./init.ts');
      return initialize(config, given.configFile, log);
    }
    case 'first-operator': {
      const { firstOperator } = await import('./operators/index.ts');
      return tell(await firstOperator(config, given.quorum, log));
    }
    case 'restored': {
      const { restored } = await import('./restored.ts');
      return tell(await restored(config, given.epochSeen, log));
    }
    case 'revoke-ek': {
      const { revokeEk } = await import('./revoke.ts');
      return revokeEk(config, given, log);
    }
    case 'serve':
      return serveUntilStopped(config, given.configFile);
  }
}

async function serveUntilStopped(config: CaConfig, configFile: string): Promise<void> {
  const { serve } = await import('./serve.ts');
  const serving = await serve(config, configFile, log);
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping');
    await serving.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  tell({ ready: true, port: serving.port });
}

const tell = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

/** What stops a start is told with its remedy, and without the values that may be secret. */
function reportFailure(error: unknown): void {
  const code = (error as { code?: unknown }).code;
  const known = typeof code === 'string' && Object.hasOwn(CA_CODES, code);
  const remedy = known ? CA_CODES[code as CaCode].remedy : undefined;
  log.fatal({ err: error, code, remedy }, 'the CA cannot run');
  process.exitCode = EXIT_OF[code as string] ?? EX_UNAVAILABLE;
}

main().catch(reportFailure);
