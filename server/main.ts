import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { JsonError, SchemaError } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { loginOf, readConfig, type ServerConfig } from './config.ts';

const USAGE =
  'usage: main.ts serve|migrate|first-token --config FILE\n' +
  '       main.ts restored --backup-made-at TIME --config FILE\n';

/** sysexits.h */
const EX_USAGE = 64;
const EX_DATAERR = 65;
const EX_UNAVAILABLE = 69;

const log = pino(
  {
    redact: {
      paths: [
        ...['authorization', 'token', 'joinToken', 'password', 'secret'].flatMap((key) => [
          key,
          `*.${key}`,
          `*.*.${key}`,
        ]),
      ],
      censor: '[redacted]',
    },
  },
  pino.destination({ dest: 2, sync: true }),
);

/** Each by itself: what migrates, or gives a token, does not even load what serves. */
const COMMANDS: Readonly<Record<string, (config: ServerConfig) => Promise<void>>> = {
  serve: async (config) => (await import('./serve.ts')).serve(config, log),
  migrate: async ({ migrateDatabase, retentionDays }) => {
    const { migrate } = await import('./store/migrate.ts');
    return migrate(await loginOf(migrateDatabase), (line) => log.info(line), retentionDays);
  },
  'first-token': async (config) => (await import('./first-token.ts')).firstToken(config, log),
  restored: async (config) => {
    const backupAt = new Date(values['backup-made-at'] ?? Number.NaN);
    if (Number.isNaN(backupAt.getTime())) throw new Error('--backup-made-at: no time');
    return (await import('./restored.ts')).restored(config, log, backupAt);
  },
};

const { values, positionals } = parseArgs({
  options: { config: { type: 'string' }, 'backup-made-at': { type: 'string' } },
  allowPositionals: true,
});
const [name = '', ...rest] = positionals;
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined || values.config === undefined || rest.length > 0) {
  process.stderr.write(USAGE);
  process.exitCode = EX_USAGE;
} else {
  try {
    await command(await readConfig(values.config));
  } catch (error) {
    const malformed = error instanceof SchemaError || error instanceof JsonError;
    const code = malformed || error instanceof AppError ? error.code : 'FAILED';
    const remedy = error instanceof AppError ? error.remedy : undefined;
    log.fatal({ err: error, code, remedy }, `${name} failed`);
    process.exit(malformed ? EX_DATAERR : EX_UNAVAILABLE);
  }
}
