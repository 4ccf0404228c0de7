import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { addressOf } from '../backup/manifest.ts';
import { refuse } from '../codes.ts';
import { connect } from '../database-access.ts';
import { runningPostgres } from '../private-postgres.ts';
import { isUp } from '../postgres.ts';
import { type Progress, progressTo } from '../progress.ts';
import { readSharedPostgres } from '../shared-postgres.ts';
import { hostsTold, type Told } from './hosts-told.ts';
import { shownPin } from './shown-pin.ts';
import { finishSwap, pinInUse, prepareNextTls, swapTls } from './tls-files.ts';

export type RotateTlsOptions = {
  readonly data: string;
  readonly force?: true;
  readonly json?: true;
};

const LOOK_EVERY_MS = 1_000;
const SHOWN_WITHIN_MS = 60_000;

type Pins = { readonly server: string; readonly ca: string };

/**
 * `touchstone keys rotate tls`: another TLS key for the server and the CA of this data directory. The next keys are made
 * and named in a trust bundle; once every host that is there has shown that bundle they take the place of the old
 * ones, without a restart. Stopped at any point it goes on when it is run again.
 * @throws UpError DEPLOYMENT_MISSING, UP_NOT_RUNNING, INTERRUPTED
 */
export async function rotateTls(options: RotateTlsOptions, stop: AbortSignal): Promise<void> {
  const dataDir = resolve(options.data);
  const progress = progressTo(process.stderr, stop);
  const address = await addressOf(dataDir);
  const { host, serverPort, caPort, intervalSeconds } = address;
  const [server, ca] = [join(dataDir, 'server'), join(dataDir, 'ca')];
  const reach = async (): Promise<pg.Client> => {
    const shared = await readSharedPostgres(dataDir);
    if (shared === null && !(await isUp(dataDir))) throw refuse('UP_NOT_RUNNING', dataDir);
    return connect((shared ?? runningPostgres(dataDir)).access('touchstone', 'server_migrate'));
  };
  const database = await reach();
  try {
    for (const directory of [server, ca]) await finishSwap(directory);
    const was = { server: await pinInUse(server), ca: await pinInUse(ca) };
    progress('making the next TLS keys');
    const next = {
      server: await prepareNextTls(server, 'touchstone-server'),
      ca: await prepareNextTls(ca, 'touchstone-ca'),
    };
    const told = await untilTold(database, next, { progress, intervalSeconds, ...options });
    progress('changing over');
    // The CA first: the server has heard of both of its keys, and hosts have too.
    await swapTls(ca);
    await untilShown({ host, port: caPort }, next.ca, progress);
    await swapTls(server);
    await untilShown({ host, port: serverPort }, next.server, progress);
    print(options, { was, now: next, told });
  } finally {
    await database.end();
  }
}

/** Until no host that is there is left behind, or it is to go on all the same. */
async function untilTold(
  database: pg.Client,
  next: Pins,
  given: {
    readonly progress: Progress;
    readonly intervalSeconds: number;
    readonly force?: true;
  },
): Promise<Told> {
  const { progress, intervalSeconds, force } = given;
  let said = '';
  for (;;) {
    const told = await hostsTold(database, next, intervalSeconds);
    const text = toldText(told);
    if (text !== said) progress(text);
    said = text;
    if (told.epoch !== null && (told.behind === 0 || force === true)) return told;
    await sleep(LOOK_EVERY_MS, undefined, { signal: progress.stop }).catch(() => progress(text));
  }
}

function toldText({ epoch, hosts, behind, named, away }: Told): string {
  if (epoch === null) return 'waiting for the trust bundle that names them';
  const known = `trust bundle ${epoch} names them; ${hosts - behind - away} of ${hosts} hosts know it`;
  const absent = away === 0 ? '' : `; ${away} away, which follow when they are back`;
  const more = behind > named.length ? ' and others' : '';
  return behind === 0
    ? `${known}${absent}`
    : `${known}${absent}; waiting for ${named.join(', ')}${more}`;
}

async function untilShown(
  at: { readonly host: string; readonly port: number },
  pin: string,
  progress: Progress,
): Promise<void> {
  const until = Date.now() + SHOWN_WITHIN_MS;
  while ((await shownPin(at)) !== pin) {
    if (Date.now() > until) throw refuse('TLS_NOT_SHOWN', `${at.host}:${at.port}`);
    await sleep(LOOK_EVERY_MS / 4, undefined, { signal: progress.stop }).catch(() =>
      progress('stopping'),
    );
  }
}

function print(
  { json }: RotateTlsOptions,
  done: { readonly was: Pins; readonly now: Pins; readonly told: Told },
): void {
  const { was, now, told } = done;
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ rotated: true, ...done })}\n`);
    return;
  }
  const away = told.away + told.behind;
  process.stdout.write(
    `\nThe server and the CA show new TLS keys.\n\n` +
      `  server  ${now.server}\n     was  ${was.server}\n` +
      `  CA      ${now.ca}\n     was  ${was.ca}\n\n` +
      (away === 0
        ? 'Every host knows them.\n'
        : `${away} of ${told.hosts} hosts do not know them yet: they follow the trust bundle when they are back.\n`) +
      `Logins follow by themselves; those that command the CA log in again.\n` +
      `New hosts enrol with  --fingerprint ${now.server}\n`,
  );
}
