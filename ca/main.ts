import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { CA_CODES, type CaCode } from './codes.ts';
import { loadConfig } from './config.ts';
import { initialize } from './init.ts';
import { firstOperator } from './operators/index.ts';
import { restored } from './restored.ts';
import { revokeEk } from './revoke.ts';
import { serve } from './serve.ts';

const USAGE =
  'usage: main.ts init|serve|restored --config FILE\n' +
  '       main.ts first-operator --config FILE [--quorum 1|2]\n' +
  '       main.ts revoke-ek --config FILE --ek-ref HEX --reason TEXT\n';

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

type PlainCommand = 'init' | 'serve' | 'restored';

type Arguments =
  | { readonly command: PlainCommand; readonly configFile: string }
  | { readonly command: 'first-operator'; readonly configFile: string; readonly quorum: number }
  | {
      readonly command: 'revoke-ek';
      readonly configFile: string;
      readonly ekRef: string;
      readonly reason: string;
    };

async function main(): Promise<void> {
  const given = readArguments();
  const config = await loadConfig(given.configFile);
  process.umask(0o077);
  if (given.command === 'init') return initialize(config, log);
  if (given.command === 'first-operator') {
    return tell(await firstOperator(config, given.quorum, log));
  }
  if (given.command === 'restored') return tell(await restored(config, log));
  if (given.command === 'revoke-ek') return revokeEk(config, given, log);

  const serving = await serve(config, log);
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping');
    await serving.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, port: serving.port })}\n`);
}

const tell = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

const isPlain = (command: string | undefined): command is PlainCommand =>
  ['init', 'serve', 'restored'].includes(command ?? '');

function readArguments(): Arguments {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        'ek-ref': { type: 'string' },
        reason: { type: 'string' },
        quorum: { type: 'string' },
      },
    });
    const [command, ...more] = positionals;
    const { config: configFile, 'ek-ref': ekRef, reason, quorum } = values;
    const known = configFile !== undefined && more.length === 0;
    if (known && isPlain(command) && !ekRef && !reason && !quorum) return { command, configFile };
    if (known && command === 'first-operator' && /^[12]$/.test(quorum ?? '1')) {
      return { command, configFile, quorum: Number(quorum ?? 1) };
    }
    if (known && command === 'revoke-ek' && /^[0-9a-f]{64}$/.test(ekRef ?? '') && reason) {
      return { command, configFile, ekRef: ekRef ?? '', reason };
    }
  } catch {
    // The usage says it.
  }
  process.stderr.write(USAGE);
  process.exit(EX_USAGE);
}

/** What stops a start is told with its remedy, and without the values that may be secret. */
function reportFailure(error: unknown): void {
  const code = (error as { code?: unknown }).code;
  const known = typeof code === 'string' && Object.hasOwn(CA_CODES, code);
  const remedy = known ? CA_CODES[code as CaCode].remedy : undefined;
  log.fatal({ err: error, code, remedy }, 'the CA cannot run');
  process.exitCode = EXIT_OF[code as string] ?? EX_UNAVAILABLE;
}

main().catch(reportFailure);
