import { resolve } from 'node:path';
import { progressTo, sizeText } from '../progress.ts';
import { makeBackup } from './backup.ts';
import type { Manifest } from './manifest.ts';
import { openBackup } from './open.ts';
import { newPassphrase, type PassphraseOptions, readPassphrase } from './passphrase.ts';
import { refuseFilled, refuseNewer, type Restored, restoreBackup } from './restore.ts';
import { rowsOf } from '../database-facts.ts';
import { loginText } from '../first-tokens.ts';

type Options = PassphraseOptions & { readonly data: string; readonly json?: true };

/** `touchstone backup FILE`, and `--verify` for one that is there. */
export async function backup(
  file: string,
  options: Options & { readonly verify?: true },
  stop: AbortSignal,
): Promise<void> {
  const progress = progressTo(process.stderr, stop);
  if (options.verify === true) {
    const { manifest, bytes } = await openBackup(file, await readPassphrase(options), progress);
    await refuseNewer(manifest);
    const text = `\nIt opens, nothing is missing, and every digest matches.\n\n${aboutText(manifest, bytes)}`;
    return print(options, { verified: true, file: resolve(file), bytes, manifest }, text);
  }
  const passphrase = await newPassphrase(options);
  const dataDir = resolve(options.data);
  const made = await makeBackup(file, { dataDir, passphrase, progress });
  const { manifest, bytes } = made;
  const text =
    `\nBacked up into ${made.file}.\n\n${aboutText(manifest, bytes)}\n` +
    `The CA’s key is in there: keep it as secret as that, and the passphrase somewhere else.\n` +
    `Try it:  touchstone backup --verify ${file} --passphrase-file …\n`;
  print(options, { file: made.file, bytes, manifest }, text);
}

/** `touchstone restore FILE`. */
export async function restore(file: string, options: Options, stop: AbortSignal): Promise<void> {
  const progress = progressTo(process.stderr, stop);
  const dataDir = resolve(options.data);
  await refuseFilled(dataDir);
  const opened = await openBackup(file, await readPassphrase(options), progress);
  const restored = await restoreBackup(opened, { dataDir, progress });
  const { manifest, bytes } = opened;
  const json = { restored: true, dataDir, manifest, ...restored };
  print(options, json, restoredText({ dataDir, manifest, bytes, restored }));
}

function print({ json }: Pick<Options, 'json'>, value: object, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text);
}

function aboutText(manifest: Manifest, bytes: number): string {
  const { createdAt, version, lastAudit, hosts, databases } = manifest;
  const rows = rowsOf(databases.touchstone) + rowsOf(databases.touchstone_ca);
  const total = Object.values(hosts).reduce((sum, count) => sum + count, 0);
  const states = Object.entries(hosts).map(([state, count]) => `${count} ${state}`);
  const epoch = (value: number | null) => (value === null ? 'none yet' : String(value));
  return [
    `  made          ${createdAt}, ${ageText(createdAt)}, by version ${version}`,
    `  size          ${sizeText(bytes)}: ${rows} rows, ${manifest.files.length} files`,
    `  hosts         ${total}${states.length === 0 ? '' : `: ${states.join(', ')}`}`,
    `  trust bundle  epoch ${epoch(manifest.bundleEpoch)}; the CA’s: ${epoch(manifest.caEpoch)}`,
    `  audit log     ${lastAudit === null ? 'empty' : `to line ${lastAudit.sequence}, ${lastAudit.hash}`}`,
    '',
  ].join('\n');
}

function restoredText(given: {
  readonly dataDir: string;
  readonly manifest: Manifest;
  readonly bytes: number;
  readonly restored: Restored;
}): string {
  const { dataDir, manifest, bytes, restored } = given;
  const { host, serverPort, intervalSeconds } = manifest.address;
  const { apiTokens, joinTokens, browserSessions } = restored.ended;
  const listen = `--listen ${host}:${serverPort} --interval ${intervalSeconds}`;
  const bundle = restored.bundleEpoch;
  return `
Restored into ${dataDir}.

${aboutText(manifest, bytes)}
Ended, for nobody knows what of it was revoked or used after the backup:
  ${number(apiTokens, 'API token')}, every token of the CA, ${number(joinTokens, 'join token')}, ${number(browserSessions, 'browser session')}, every challenge.
${bundle === null ? '' : `The trust bundle is now epoch ${bundle.now}, above any that agents may have seen.\n`}
The operator’s new token, printed this once:

  ${loginText(restored.token, restored.caToken)}
${secondText(restored)}
Start it:      touchstone up --data ${dataDir} ${listen}
Log in:        touchstone login --server ${restored.url} --fingerprint ${restored.fingerprint} --token-file -

The backup was made ${ageText(manifest.createdAt)}, and nobody here knows what happened since. Look, before you rely on it:
  touchstone host list        hosts revoked or removed since are back; those enrolled since enrol again
  touchstone baseline list    what was retired since is active again, what was approved since is not there
  touchstone vm list          VMs as they were recorded then
  touchstone audit list       ends at the backup; compare with copies that you keep of it
  TPMs revoked at the CA since (revoke-ek) have to be revoked again.
If the old deployment still runs anywhere, stop it for good: the two have the same keys.
`;
}

const number = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

function ageText(at: string): string {
  const seconds = Math.round((Date.now() - Date.parse(at)) / 1_000);
  if (seconds < 0) return 'later than this machine’s clock';
  const units = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const;
  for (const [unit, length] of units) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${number(count, unit)} ago`;
  }
  return 'less than a minute ago';
}

/** Where loosening takes two people, all tokens of the second have ended as well. */
function secondText({ secondToken, secondCaToken }: Restored): string {
  const text = loginText(secondToken ?? null, secondCaToken ?? null);
  return text === null
    ? ''
    : `\nFor another person, without whom nothing can be loosened:\n\n  ${text}\n`;
}
