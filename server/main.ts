import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { JsonError, SchemaError } from '@touchstone/schemas';
import { AppError, listenTls, openTlsIdentity, pinnedClient } from '@touchstone/transport';
import { loginOf, readConfig, readRootSecret, type ServerConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { readPage } from './http/page.ts';
import { adoptKeys } from './services/adopt-keys.ts';
import { askToRenew } from './services/ask-to-renew.ts';
import { afterRestore } from './services/after-restore.ts';
import { createFirstToken } from './services/api-tokens.ts';
import { makeAppraiser } from './services/appraiser.ts';
import { keepCarriers, ownUuid } from './services/carriers.ts';
import { challengeKeysOf } from './services/challenge-key-days.ts';
import { keepDailyWork } from './services/daily-work.ts';
import { windowCounter } from './services/count-for-windows.ts';
import { type DatabaseClock, databaseClock } from './services/database-clock.ts';
import { issuerList } from './services/issuers.ts';
import { revocationLists } from './services/revocation-lists.ts';
import { watchRevocation } from './services/watch-revocation.ts';
import { keepGate } from './services/keep-gate.ts';
import { keepWindows } from './services/keep-windows.ts';
import { knownIdentities } from './services/known-identities.ts';
import { judgesApart } from './services/judges-apart.ts';
import { previewTurns, sharedJudges } from './services/preview-turns.ts';
import { diskKeySealer } from './services/sealed-disk-key.ts';
import { keySealer } from './services/sealed-key.ts';
import { progressReporter } from './services/report-progress.ts';
import { signingKey } from './services/signing-key.ts';
import { openSigningKeys } from './services/signing-keys.ts';
import { strangerLimit } from './services/stranger-limit.ts';
import { announceOwnPins, keepPins, openCaPins, pollCaPins } from './services/tls-pins.ts';
import { type BundleSigners, trustBundles } from './services/trust-bundles.ts';
import { keepKeys } from './services/turn-keys.ts';
import type { Verifier } from './services/verifier.ts';
import { activePolicy } from './store/active-policy.ts';
import { readQuorum } from './store/approvals.ts';
import { type Database, openDatabase } from './store/database.ts';
import { checkSchema, migrate } from './store/migrate.ts';
import { makePartitionsAhead } from './store/retention.ts';
import { newestRestore } from './store/restores.ts';

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

/** Where the set-up builds the page: it is a part of this version, and no setting. */
const PAGE = fileURLToPath(new URL('../web/dist', import.meta.url));

const onDatabaseError = (error: Error) => log.error({ err: error }, 'database connection lost');

const COMMANDS: Readonly<Record<string, (config: ServerConfig) => Promise<void>>> = {
  serve,
  migrate: async ({ migrateDatabase, retentionDays }) =>
    migrate(await loginOf(migrateDatabase), (line) => log.info(line), retentionDays),
  'first-token': firstToken,
  restored,
};

/** After a database came back from a backup, and before anybody is served from it. */
async function restored(config: ServerConfig): Promise<void> {
  const backupAt = new Date(values['backup-made-at'] ?? Number.NaN);
  if (Number.isNaN(backupAt.getTime())) throw new Error('--backup-made-at: no time');
  await answerOnce(config, async (parts) =>
    afterRestore({ ...parts, ...(await bundleSigners(config)) }, backupAt),
  );
}

function firstToken(config: ServerConfig): Promise<void> {
  return answerOnce(config, ({ database, clock }) =>
    createFirstToken(database, clock.now(), config.quorum),
  );
}

/** Does one thing in a database of this schema, writes what came of it, and serves nobody. */
async function answerOnce(
  config: ServerConfig,
  work: (parts: { readonly database: Database; readonly clock: DatabaseClock }) => Promise<object>,
): Promise<void> {
  const database = openDatabase(await loginOf(config.database), onDatabaseError);
  try {
    await checkSchema(database);
    await makePartitionsAhead(database);
    const clock = databaseClock(database);
    await clock.measure();
    process.stdout.write(`${JSON.stringify(await work({ database, clock }))}\n`);
  } finally {
    await database.close();
  }
}

async function serve(config: ServerConfig): Promise<void> {
  const database = openDatabase(await loginOf(config.database), onDatabaseError);
  await checkSchema(database);
  await makePartitionsAhead(database);
  const tls = await openTlsIdentity(config);
  const caPins = await openCaPins(database, config.ca.pin);
  const ca = pinnedClient({ url: config.ca.url, pin: () => caPins.accepted() });
  const { publicUrl, selection, intervalSeconds, crlGraceSeconds, maxEvidenceBytes } = config;
  const rootSecret = await readRootSecret(config.rootSecretFile);
  const signing = await signingKeysOf(config, database, rootSecret);
  const issuers = issuerList(ca, database);
  const clock = databaseClock(database);
  const parts = {
    ...{ database, clock, issuers },
    revocation: revocationLists({
      ...{ ca, database, issuers, now: clock.now, graceSeconds: crlGraceSeconds },
    }),
    askToRenew: askToRenew({ database, issuers }),
    challengeKeysAt: challengeKeysOf(rootSecret, await newestRestore(database)),
    ...signing,
    diskKeys: diskKeySealer(rootSecret),
    ...(await bundleSigners(config)),
    settings: {
      publicUrl,
      ca: config.ca,
      selection,
      releasePcrs: config.releasePcrs,
      intervalSeconds,
      crlGraceSeconds,
      signingKeyDays: config.signingKeyDays,
      maxEvidenceBytes,
      build: await build(),
      get tlsCertificate() {
        return tls.shown;
      },
    },
    appraiser: makeAppraiser(judgesApart()),
    previewer: makeAppraiser(sharedJudges(judgesApart())),
    previews: previewTurns(),
    policy: activePolicy(),
    windows: windowCounter(),
    identityOf: knownIdentities(),
    limitStranger: strangerLimit(intervalSeconds),
    log,
  };
  const bundles = trustBundles(parts);
  const verifier: Verifier = { ...parts, bundles };

  const noClock = (error: unknown) => log.error({ err: error }, 'the time could not be measured');
  const noIssuers = (error: unknown) => log.warn({ err: error }, "the CA's bundle did not come");
  const noLists = (error: unknown) =>
    log.warn({ err: error }, "the CA's revocation lists did not come");
  await verifier.clock.measure().catch(noClock);
  await verifier.issuers.poll().catch(noIssuers);
  await verifier.revocation.poll().catch(noLists);
  const pinning = { ...parts, caPins };
  const noPins = (error: unknown) => log.warn({ err: error }, 'the TLS keys were not looked at');
  await announceOwnPins(pinning, tls).catch(noPins);
  await pollCaPins(pinning, ca, config.ca.pin).catch(noPins);
  const noBundle = (error: unknown) =>
    log.error({ err: error }, 'the trust bundle was not renewed');
  await bundles.refresh().catch(noBundle);
  const notDone = (error: unknown) => log.error({ err: error }, 'the daily work was not done');
  const noKeys = (error: unknown) => log.error({ err: error }, "the server's keys were not kept");
  const report = progressReporter({ ...verifier, ca });
  const stop = new AbortController();
  const listening = await listenTls(createApp(verifier, await readPage(PAGE)), {
    ...config.listen,
    ...tls.shown,
  });
  const announced = () => bundles.refresh();
  const pinned = { ca, tls, configured: config.ca.pin, announced };
  const kept = [
    tls.keep(listening, stop.signal, noPins),
    keepPins(pinning, pinned, { signal: stop.signal, onFailure: noPins }),
    verifier.clock.keep(stop.signal, noClock),
    verifier.issuers.keep(stop.signal, noIssuers, async () => {
      await bundles.refresh();
      return report();
    }),
    verifier.revocation.keep(stop.signal, watchRevocation(verifier)),
    bundles.keep(stop.signal, noBundle),
    keepKeys(verifier, stop.signal, noKeys),
    keepDailyWork(verifier, stop.signal, notDone),
    keepWindows(verifier, stop.signal, notDone),
    keepCarriers(verifier, [...config.carriedBy, ...(await ownUuid())], {
      ...{ signal: stop.signal, onFailure: notDone },
    }),
    keepGate(verifier, stop.signal, notDone),
  ];
  const quorum = await readQuorum(database);
  process.stdout.write(`${JSON.stringify({ ready: true, port: listening.port, quorum })}\n`);

  await signalled();
  log.info('stopping');
  stop.abort();
  await listening.close();
  await Promise.all(kept);
  await ca.close();
  await database.close();
}

const textIn = (file: string) => readFile(file, 'utf8');

/** What the database has, and the configured ones where it does not know them yet. */
async function signingKeysOf(
  { resultKeyFile, permitKeyFile }: ServerConfig,
  database: Database,
  rootSecret: Uint8Array,
) {
  const sealer = keySealer(rootSecret);
  const configured = { result: await textIn(resultKeyFile), permit: await textIn(permitKeyFile) };
  await adoptKeys({ database, sealer }, configured);
  const signing = await openSigningKeys(database, sealer);
  const { resultKey, permitKey } = signing;
  return { signing, sealer, resultKey, permitKey };
}

async function bundleSigners(config: ServerConfig): Promise<BundleSigners> {
  const { bundleKeyFile, previousBundleKeyFile: previous } = config;
  const keyIn = async (file: string) => signingKey(await textIn(file), 'touchstone-bundle+jwt');
  const bundleKey = await keyIn(bundleKeyFile);
  if (previous === undefined) return { bundleKey };
  return { bundleKey, previousBundleKey: await keyIn(previous) };
}

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });

async function build(): Promise<string> {
  const text = await readFile(new URL('./package.json', import.meta.url), 'utf8');
  return `server ${(JSON.parse(text) as { version: string }).version}`;
}

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
