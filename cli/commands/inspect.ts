import type { Command } from 'commander';
import { readNonce } from '../arguments.ts';
import { readStart } from '../input.ts';
import { celLogLines } from '../show/cel-log.ts';
import { eventLogLines } from '../show/event-log.ts';
import { imaLines } from '../show/ima.ts';
import { quoteLines } from '../show/quote.ts';
import type { World } from '../world.ts';
import { addInspectEkCertCommand } from './inspect-ek-cert.ts';

type QuoteOptions = {
  readonly attest: string;
  readonly signature: string;
  readonly ak: string;
  readonly nonce?: Uint8Array;
  readonly pcrs?: string;
};

/** Far more than any of a quote's files has: what is longer is read so far and refused as malformed. */
const MAX_QUOTE_FILE_BYTES = 131_072;

/** What a file holds, told on this machine alone: no server is asked and no login is needed. */
export function addInspectCommands(program: Command, world: World): void {
  const inspect = program.command('inspect').description('what a file holds; asks no server');

  inspect
    .command('eventlog')
    .description('the events of a boot log, and the PCR values they lead to')
    .argument(
      '<file>',
      'binary_bios_measurements of securityfs, tpm2-measure.log of systemd, or their like; - is standard input',
    )
    .action((file: string, _: object, command: Command) => eventLog(world, file, command));

  inspect
    .command('ima')
    .description("the kernel's list of measured files, and the PCR values it leads to")
    .argument('<file>', 'binary_ or ascii_runtime_measurements of securityfs; - is standard input')
    .action((file: string, _: object, command: Command) => ima(world, file, command));

  inspect
    .command('quote')
    .description('whether a quote is signed by its key, and what it covers')
    .requiredOption('--attest <file>', 'the TPMS_ATTEST')
    .requiredOption('--signature <file>', 'the TPMT_SIGNATURE')
    .requiredOption('--ak <file>', 'the attestation key: TPM2B_PUBLIC, TPMT_PUBLIC or PEM')
    .option('--nonce <hex>', 'the nonce that it is to answer', readNonce)
    .option('--pcrs <file>', 'the PCR values: {"sha256": {"0": "<hex>"}}')
    .action((options: QuoteOptions, command: Command) => quote(world, options, command));

  addInspectEkCertCommand(inspect, world);
}

async function eventLog(world: World, file: string, command: Command): Promise<void> {
  // Only here: it brings the rooms that read TPM structures with it.
  const { inspectEventLog, MAX_LOG_BYTES_READ, titleOfLogCode } =
    await import('../inspect/inspect-event-log.ts');
  const report = inspectEventLog(await readStart(file, world.stdin, MAX_LOG_BYTES_READ));
  const { width, textWidth } = world.screen;
  world.present(command, report, () =>
    report.format === 'canonical'
      ? celLogLines(report, { width })
      : eventLogLines(report, { titleOf: titleOfLogCode, width, textWidth }),
  );
}

async function ima(world: World, file: string, command: Command): Promise<void> {
  const { inspectIma, MAX_IMA_BYTES_READ, titleOfImaCode } =
    await import('../inspect/inspect-ima.ts');
  const inspected = inspectIma(await readStart(file, world.stdin, MAX_IMA_BYTES_READ));
  const { textWidth } = world.screen;
  world.present(command, inspected.report, () =>
    imaLines(inspected, { titleOf: titleOfImaCode, textWidth }),
  );
}

async function quote(world: World, options: QuoteOptions, command: Command): Promise<void> {
  const { inspectQuote, titleOfQuoteCode } = await import('../inspect/inspect-quote.ts');
  const read = (file: string) => readStart(file, world.stdin, MAX_QUOTE_FILE_BYTES);
  const { report, akName } = inspectQuote({
    attest: await read(options.attest),
    signature: await read(options.signature),
    ak: await read(options.ak),
    pcrs: options.pcrs === undefined ? undefined : await read(options.pcrs),
    nonce: options.nonce,
  });
  if (!report.verified) world.answersNo();
  const { textWidth } = world.screen;
  world.present(command, report, () =>
    quoteLines(report, { akName, titleOf: titleOfQuoteCode, textWidth }),
  );
}
