import type { Command } from 'commander';
import { certificatesOfFile } from '@touchstone/endorsement';
import type {
  AssuranceClass,
  EkAlgorithm,
  TpmRootAddition,
  TpmRootAdmitted,
} from '@touchstone/schemas';
import { readClass, readEkAlgorithm, readSha256Start } from '../../arguments.ts';
import type { CaOperatorApi } from '../../ca-operator-api.ts';
import { CliError } from '../../codes.ts';
import { readMakerCertificates } from '../../import/maker-certificates.ts';
import { readStart } from '../../input.ts';
import { admittedLines, importLines, pemOfExport, rootListLines } from '../../show/tpm-roots.ts';
import { counted } from '../../show/state.ts';
import type { World } from '../../world.ts';
import { importInto } from './import-certificates.ts';

/** More than any certificate has, in PEM. */
const MAX_FILE_BYTES = 65_536;

type AddOptions = {
  readonly class: AssuranceClass;
  readonly maker: string;
  readonly source: string;
  readonly licence: string;
  readonly url?: string;
  readonly date?: string;
  readonly ekAlgorithm: EkAlgorithm;
  readonly reason?: string;
};

export function addCaBundleCommands(ca: Command, world: World): void {
  const bundle = ca
    .command('bundle')
    .description('certificates of TPM makers: whose chips the CA believes');

  bundle
    .command('list')
    .description('every root with its class and where it came from')
    .option('--intermediates', 'the links below them too, which are trusted for nothing')
    .action(({ intermediates }: { intermediates?: true }, command: Command) =>
      list(world, intermediates === true, command),
    );

  bundle
    .command('import')
    .description(
      'take from a directory what the list of makers knows; say of the rest what it lacks',
    )
    .argument('<directory>', 'PEM or DER files, or the tree of an extracted TrustedTpm.cab')
    .action((directory: string, _: object, command: Command) =>
      importFrom(world, directory, command),
    );

  bundle
    .command('add')
    .description('trust a root that the list does not know; where the quorum is 2, two people do')
    .argument('<file>', 'one certificate, PEM or DER')
    .requiredOption('--class <class>', 'of the TPMs that it vouches for', readClass)
    .requiredOption('--maker <name>', 'who made them')
    .requiredOption('--source <text>', 'where you have it from, and how you know it to be theirs')
    .requiredOption('--licence <text>', 'on what terms it may be used')
    .option('--url <url>', 'where its maker publishes it')
    .option('--date <date>', 'when you fetched it: 2026-05-31')
    .option(
      '--ek-algorithm <which>',
      'ecc or rsa, where the maker certifies both',
      readEkAlgorithm,
      'any',
    )
    .option('--reason <text>', 'why it is trusted')
    .action((file: string, options: AddOptions, command: Command) =>
      add(world, file, options, command),
    );

  bundle
    .command('preview')
    .description('which hosts a root has admitted: what its removal would mean')
    .argument('[remove]', 'the word `remove` may stand here')
    .argument('[fingerprint]', 'SHA-256, or as much of it as `list` shows')
    .action((one: string | undefined, other: string | undefined, _: object, command: Command) =>
      preview(world, other ?? (one === 'remove' ? undefined : one), command),
    );

  bundle
    .command('remove')
    .description('trust a certificate no more; first shows which hosts it admitted')
    .argument('<fingerprint>', 'SHA-256, or as much of it as `list` shows', readSha256Start)
    .requiredOption('--reason <text>', 'why')
    .option('--yes', 'without asking: what it means was looked at')
    .option('--revoke', 'revoke what it admitted, for good, instead of waiting for their end')
    .action(
      (
        fingerprint: string,
        options: { reason: string; yes?: true; revoke?: true },
        command: Command,
      ) => remove(world, fingerprint, options, command),
    );

  bundle
    .command('export')
    .description('all of them as PEM, each with what is known of it, to standard output')
    .action((_: object, command: Command) => exportAll(world, command));
}

const list = (world: World, intermediates: boolean, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.tpmRoots();
    world.present(command, answer, () =>
      rootListLines(answer, { now: world.now(), ...world.screen, intermediates }),
    );
  });

const importFrom = (world: World, directory: string, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const { certificates, unreadable } = await readMakerCertificates(directory);
    if (certificates.length === 0) {
      throw new CliError('NO_CERTIFICATES', `${directory}: ${unreadable.length} files`);
    }
    const outcomes = await importInto(api, certificates);
    const answer = { outcomes, unreadable };
    world.present(command, answer, () => importLines(answer, world.screen.textWidth));
    if (!outcomes.some(({ outcome }) => outcome === 'taken' || outcome === 'already')) {
      world.answersNo();
    }
  });

const add = (world: World, file: string, options: AddOptions, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const addition: TpmRootAddition = {
      der: Buffer.from(await oneCertificate(file)).toString('base64url'),
      ...{ class: options.class, maker: options.maker, ekAlgorithm: options.ekAlgorithm },
      ...{ source: options.source, licence: options.licence },
      ...{ url: options.url ?? null, date: options.date ?? null },
      reason: options.reason ?? `to trust TPMs of ${options.maker}`,
    };
    const answer = await api.addTpmRoot(addition);
    world.present(command, answer, () => [
      `Trusted: ${options.maker}, for TPMs of class ${options.class}. No restart is needed.`,
    ]);
  });

/** @throws CliError CERTIFICATES_NOT_ONE, FILE_UNREADABLE, FILE_TOO_LARGE */
async function oneCertificate(file: string): Promise<Uint8Array> {
  const bytes = await readStart(file, nothing(), MAX_FILE_BYTES + 1);
  if (bytes.length > MAX_FILE_BYTES) {
    throw new CliError('FILE_TOO_LARGE', `${file}: more than ${MAX_FILE_BYTES} bytes`);
  }
  const [one, ...more] = certificatesOfFile(bytes);
  if (one !== undefined && more.length === 0) return one;
  throw new CliError('CERTIFICATES_NOT_ONE', `${file}: ${more.length + 1} certificates`);
}

/** Without a fingerprint: every root, with how many it admitted. */
async function preview(
  world: World,
  fingerprint: string | undefined,
  command: Command,
): Promise<void> {
  if (fingerprint === undefined) return list(world, false, command);
  return world.asCaOperator(command, async (api) => {
    const answer = await api.admittedBy(await wholeOf(api, readSha256Start(fingerprint)));
    const names = await namesOf(world, answer, command);
    world.present(command, { ...answer, hosts: Object.fromEntries(names) }, () =>
      admittedLines(answer, { names, now: world.now(), ...world.screen }),
    );
  });
}

const remove = (
  world: World,
  fingerprint: string,
  { reason, yes, revoke }: { readonly reason: string; readonly yes?: true; readonly revoke?: true },
  command: Command,
): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const means = await api.admittedBy(await wholeOf(api, fingerprint));
    const names = await namesOf(world, means, command);
    if (yes !== true && means.count > 0) {
      world.present(command, { ...means, hosts: Object.fromEntries(names), removed: false }, () => [
        ...admittedLines(means, { names, now: world.now(), ...world.screen }),
        '',
        'Nothing was removed. If that is what you want, give the command again with --yes.',
      ]);
      return world.answersNo();
    }
    let revoked = revoke === true ? await revokeAdmitted(api, means, reason) : 0;
    const answer = await api.removeTpmRoot(means.root.fingerprint, { reason });
    // Whom it admitted meanwhile.
    if (revoke === true) revoked += await revokeAll(api, answer, reason);
    world.present(command, { ...answer, removed: true, revoked }, () => [
      `Removed: ${answer.root.subject}. It vouches for nobody any more.`,
      ...(answer.count + revoked === 0 ? [] : [endOf(answer, revoked)]),
    ]);
  });

const endOf = ({ count, lastUntil }: TpmRootAdmitted, revoked: number): string =>
  revoked > 0
    ? `${counted(revoked, 'TPM')} that it had admitted: revoked for good.`
    : `${counted(count, 'TPM')} that it had admitted: renewed no more. ${
        lastUntil === null ? 'None has a certificate now.' : `The last one ends ${lastUntil}.`
      }`;

/** Those of a fleet that is too large to be named at once too: a revoked TPM is named no more. */
async function revokeAdmitted(
  api: CaOperatorApi,
  means: TpmRootAdmitted,
  reason: string,
): Promise<number> {
  let revoked = 0;
  for (let some = means; some.keys.length > 0;) {
    revoked += await revokeAll(api, some, reason);
    some = await api.admittedBy(means.root.fingerprint);
  }
  return revoked;
}

async function revokeAll(
  api: CaOperatorApi,
  { keys }: TpmRootAdmitted,
  reason: string,
): Promise<number> {
  for (const { ekRef } of keys) await api.revoke({ ekRef, reason });
  return keys.length;
}

const exportAll = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.exportTpmRoots();
    world.present(command, answer, () => pemOfExport(answer));
  });

/** @throws CliError FINGERPRINT_UNKNOWN unless exactly one begins so */
async function wholeOf(api: CaOperatorApi, start: string): Promise<string> {
  const { roots, intermediates } = await api.tpmRoots();
  const those = [...roots, ...intermediates].filter((one) => one.fingerprint.startsWith(start));
  const [one] = those;
  if (one !== undefined && those.length === 1) return one.fingerprint;
  throw new CliError('FINGERPRINT_UNKNOWN', `${those.length} begin with ${start}`);
}

/** The server knows whose they are; where it is not reached, they go by their reference. */
export async function namesOf(
  world: World,
  { keys }: { readonly keys: readonly { readonly ekRef: string }[] },
  command: Command,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  if (keys.length === 0) return names;
  await world
    .asOperator(command, async (api) => {
      const { hosts } = await api.hostNames({ ekRefs: keys.map(({ ekRef }) => ekRef) });
      for (const { ekRef, name } of hosts) names.set(ekRef, name);
    })
    .catch(() => world.note(command, 'The server did not say which hosts these are.'));
  return names;
}

async function* nothing() {}
