import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { listenTls, openTlsIdentity, pinnedClient } from '@touchstone/transport';
import { bundleSigners } from './bundle-signers.ts';
import { loginOf, readRootSecret, type ServerConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { readPage } from './http/page.ts';
import { adoptKeys } from './services/adopt-keys.ts';
import { makeAppraiser } from './services/appraiser.ts';
import { askToRenew } from './services/ask-to-renew.ts';
import { keepCarriers, ownUuid } from './services/carriers.ts';
import { challengeKeysOf } from './services/challenge-key-days.ts';
import { windowCounter } from './services/count-for-windows.ts';
import { keepDailyWork } from './services/daily-work.ts';
import { databaseClock } from './services/database-clock.ts';
import { issuerList } from './services/issuers.ts';
import { judgesApart } from './services/judges-apart.ts';
import { keepGate } from './services/keep-gate.ts';
import { keepWindows } from './services/keep-windows.ts';
import { knownIdentities } from './services/known-identities.ts';
import { previewTurns, sharedJudges } from './services/preview-turns.ts';
import { progressReporter } from './services/report-progress.ts';
import { revocationLists } from './services/revocation-lists.ts';
import { diskKeySealer } from './services/sealed-disk-key.ts';
import { keySealer } from './services/sealed-key.ts';
import { openSigningKeys } from './services/signing-keys.ts';
import { strangerLimit } from './services/stranger-limit.ts';
import { announceOwnPins, keepPins, openCaPins, pollCaPins } from './services/tls-pins.ts';
import { trustBundles } from './services/trust-bundles.ts';
import { keepKeys } from './services/turn-keys.ts';
import type { Verifier } from './services/verifier.ts';
import { watchRevocation } from './services/watch-revocation.ts';
import { activePolicy } from './store/active-policy.ts';
import { readQuorum } from './store/approvals.ts';
import { type Database, openDatabase } from './store/database.ts';
import { checkSchema } from './store/migrate.ts';
import { newestRestore } from './store/restores.ts';
import { makePartitionsAhead } from './store/retention.ts';

/** Where the set-up builds the page: it is a part of this version, and no setting. */
const PAGE = fileURLToPath(new URL('../web/dist', import.meta.url));

/** Serves hosts and people until it is told to stop. */
export async function serve(config: ServerConfig, log: Logger): Promise<void> {
  const database = openDatabase(await loginOf(config.database), (err) =>
    log.error({ err }, 'database connection lost'),
  );
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

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });

async function build(): Promise<string> {
  const text = await readFile(new URL('./package.json', import.meta.url), 'utf8');
  return `server ${(JSON.parse(text) as { version: string }).version}`;
}
