import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A software TPM by its socket, beside which `.ctrl` is. Whoever has it open keeps what it believes to be loaded. */
type Socket = { readonly socketPath: string };

const tool = ({ socketPath }: Socket, name: string, ...args: readonly string[]) =>
  run(name, args, { env: { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${socketPath}` } });

/** _TPM_Init: as a chip that loses its power, or whose reset line is pulled. swtpm_ioctl(8), -i. */
const reset = ({ socketPath }: Socket) =>
  run('swtpm_ioctl', ['--unix', `${socketPath}.ctrl`, '-i']);

/** The host sleeps (S3) and wakes: TPM2_Shutdown(STATE), reset, TPM2_Startup(STATE). restartCount rises. */
export async function suspendTpm(tpm: Socket): Promise<void> {
  await tool(tpm, 'tpm2_shutdown');
  await reset(tpm);
  await tool(tpm, 'tpm2_startup');
}

/**
 * The same where nothing was saved: TPM2_Startup(STATE) fails, and the firmware does what is left to it. The PCRs are
 * zero, while the system that is woken is the old one (CVE-2018-6622).
 */
export async function suspendTpmUnsaved(tpm: Socket): Promise<void> {
  await reset(tpm);
  const woken = await tool(tpm, 'tpm2_startup').then(
    () => true,
    () => false,
  );
  if (woken) throw new Error('a TPM that saved nothing was woken');
  await tool(tpm, 'tpm2_startup', '-c');
}

/** The chip is reset by a wire while the system runs on: PCRs are zero, resetCount rises. */
export async function resetTpm(tpm: Socket): Promise<void> {
  await reset(tpm);
  await tool(tpm, 'tpm2_startup', '-c');
}

/** By another program than the one that has the TPM open. */
export async function extendPcr(tpm: Socket, pcr: number): Promise<void> {
  await tool(tpm, 'tpm2_pcrextend', `${pcr}:sha256=${'ab'.repeat(32)}`);
}
