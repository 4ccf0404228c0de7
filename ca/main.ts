import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { CA_CODES, type CaCode } from './codes.ts';
import { loadConfig } from './config.ts';
import { initialize } from './init.ts';
import { serve } from './serve.ts';

const USAGE = 'usage: main.ts init|serve --config FILE\n';

const log = pino(
  {
    base: { process: 'ca' },
    redact: {
      paths: ['secret', 'password', 'credentialBlob', '*.secret', '*.password', '*.authorization'],
      censor: '[redacted]',
    },
  },
  pino.destination({ fd: 2, sync: true }),
);

async function main(): Promise<void> {
  const { command, configFile } = readArguments();
  const config = await loadConfig(configFile);
  process.umask(0o077);
  if (command === 'init') return initialize(config, log);

  const serving = await serve(config, log);
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping');
    await serving.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, port: serving.port })}\n`);
}

function readArguments(): { command: 'init' | 'serve'; configFile: string } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { config: { type: 'string' } },
    });
    const [command, ...more] = positionals;
    if ((command === 'init' || command === 'serve') && more.length === 0 && values.config) {
      return { command, configFile: values.config };
    }
  } catch {
    // The usage says it.
  }
  process.stderr.write(USAGE);
  process.exit(2);
}

/** What stops a start is told with its remedy, and without the values that may be secret. */
function reportFailure(error: unknown): void {
  const code = (error as { code?: unknown }).code;
  const known = typeof code === 'string' && Object.hasOwn(CA_CODES, code);
  const remedy = known ? CA_CODES[code as CaCode].remedy : undefined;
  log.fatal({ err: error, code, remedy }, 'the CA cannot run');
  process.exitCode = 1;
}

main().catch(reportFailure);
