import type { Command } from 'commander';
import { readStart } from '../input.ts';
import { counted } from '../show/state.ts';
import { ekCertificateLines } from '../show/ek-certificate.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

type Options = { readonly roots?: string };

export function addInspectEkCertCommand(inspect: Command, world: World): void {
  inspect
    .command('ek-cert')
    .description('an EK certificate: its key, its TPM, and whether a root vouches for it')
    .argument('<file>', 'DER, PEM or what the NV index holds; - is standard input')
    .option(
      '--roots <dir>',
      'check the chain: self-signed certificates in it are trusted, others only link to them',
    )
    .action((file: string, options: Options, command: Command) =>
      ekCertificate(world, file, options, command),
    );
}

/** The exit status is 1 where the chain was checked and is not trusted, or no reader may accept the certificate. */
async function ekCertificate(
  world: World,
  file: string,
  { roots }: Options,
  command: Command,
): Promise<void> {
  const { inspectEkCertificate, MAX_CERTIFICATE_FILE_BYTES, titleOfCertificateCode } =
    await import('../inspect/inspect-ek-certificate.ts');
  const { readCertificateStore } = await import('../inspect/certificate-store.ts');
  const bytes = await readStart(file, world.stdin, MAX_CERTIFICATE_FILE_BYTES);
  const store = roots === undefined ? undefined : await readCertificateStore(roots);
  const { report, certificate } = inspectEkCertificate(bytes, store, world.now());
  if (report.findings.some(({ effect }) => effect === 'enforce')) world.answersNo();
  const { textWidth } = world.screen;
  world.present(command, report, () =>
    ekCertificateLines(report, { certificate, titleOf: titleOfCertificateCode, textWidth }),
  );
  if (store === undefined) return;
  const { roots: trusted, others, unreadable } = store;
  const held = `${counted(trusted.length, 'root')}, ${counted(others.length, 'link')}`;
  const left = unreadable.length === 0 ? '' : `; no certificate in ${unreadable.join(', ')}`;
  world.note(command, '', faint(`Held against ${roots}: ${held}${left}`));
}
