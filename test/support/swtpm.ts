import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_TIMEOUT_MS = 10_000;
/** For tests that are not about time: it writes its state to the disk, for which it may wait on a busy machine. */
export const PATIENT_MS = 60_000;

/** A software TPM with an RSA-2048 and a P-384 EK, their certificates in NV, on a unix socket. */
export interface Swtpm {
  readonly socketPath: string;
  /** For tpm2-tss and, as TPM2TOOLS_TCTI, for tpm2-tools. One client at a time is served. */
  readonly tcti: string;
  readonly stateDir: string;
  /** The certificates of the CA that vouches for the EKs: `issuercert.pem`, `swtpm-localca-rootca-cert.pem`. */
  readonly caDir: string;
  readonly pid: number;
  /** Power cut (no TPM2_Shutdown), then TPM2_Startup(CLEAR): PCRs are zero, resetCount rises. */
  restart(whileOff?: () => Promise<void>): Promise<void>;
  /** Ends it, and removes everything unless the directory was the caller's. */
  stop(): Promise<void>;
}

/** In a directory of the caller's, the state that is there already is used again. */
export async function startSwtpm(
  options: { dir?: string; rsaBits?: 2048 | 3072 } = {},
): Promise<Swtpm> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'ts-swtpm-')));
  const stateDir = join(dir, 'state');
  const caDir = join(dir, 'ca');
  const socketPath = join(dir, 'sock');
  let child: ChildProcess | undefined;

  const stop = async () => {
    await powerOff(child);
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  try {
    if (!existsSync(join(stateDir, 'tpm2-00.permall')))
      await manufacture(stateDir, caDir, options.rsaBits ?? 2048);
    child = await powerOn(stateDir, socketPath);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    socketPath,
    tcti: `swtpm:path=${socketPath}`,
    stateDir,
    caDir,
    get pid() {
      return child?.pid ?? 0;
    },
    async restart(whileOff) {
      await powerOff(child);
      await whileOff?.();
      child = await powerOn(stateDir, socketPath);
    },
    stop,
  };
}

/** A CA of its own in `caDir`: the machine's /var/lib/swtpm-localca stays untouched. */
async function manufacture(stateDir: string, caDir: string, rsaBits: number): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await mkdir(caDir, { recursive: true, mode: 0o700 });
  const options = ['manufacturer Touchstone', 'version 2.1', 'model Test'];
  const files: Record<string, string> = {
    'localca.conf': [
      `statedir = ${caDir}`,
      `signingkey = ${caDir}/signkey.pem`,
      `issuercert = ${caDir}/issuercert.pem`,
      `certserial = ${caDir}/certserial`,
    ].join('\n'),
    'localca.options': options.map((option) => `--platform-${option}`).join('\n'),
    'setup.conf': [
      'create_certs_tool = /usr/bin/swtpm_localca',
      `create_certs_tool_config = ${caDir}/localca.conf`,
      `create_certs_tool_options = ${caDir}/localca.options`,
      'active_pcr_banks = sha256',
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(caDir, name), `${text}\n`);
  await run('swtpm_setup', [
    '--tpm2',
    ...['--tpmstate', `dir://${stateDir}`],
    ...['--config', join(caDir, 'setup.conf')],
    ...['--create-ek-cert', '--lock-nvram', '--rsa-keysize', `${rsaBits}`],
    ...['--pcr-banks', 'sha1,sha256,sha384'],
    ...['--logfile', join(caDir, 'setup.log')],
  ]);
}

async function powerOn(stateDir: string, socketPath: string): Promise<ChildProcess> {
  await rm(socketPath, { force: true });
  await rm(`${socketPath}.ctrl`, { force: true });
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      ...['--tpmstate', `dir=${stateDir},mode=0600`],
      ...['--server', `type=unixio,path=${socketPath}`],
      ...['--ctrl', `type=unixio,path=${socketPath}.ctrl`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  // A test that fails half-way must not leave it running.
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  // Listened to from the start: 'error' (no such program) without a listener ends the process.
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`swtpm ended with ${code}`)));
  });
  failed.catch(() => {});
  try {
    await Promise.race([listening(`${socketPath}.ctrl`), failed]);
  } catch (error) {
    await powerOff(child);
    throw error;
  }
  return child;
}

/** CMD_GET_CAPABILITY: swtpm_ioctls(3). */
const GET_CAPABILITY = Buffer.from([0, 0, 0, 1]);

/**
 * Asks at the control socket: the other one takes one client at a time. It is bound before the other, so
 * that only an answer, which the main loop gives, says that both are there.
 */
async function listening(path: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      socket.write(GET_CAPABILITY);
      const closed = once(socket, 'close').then(() => Promise.reject(new Error('no answer')));
      await Promise.race([once(socket, 'data'), closed]);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(5);
    } finally {
      socket.destroy();
    }
  }
}

/** SIGKILL also ends one that a test has stopped with SIGSTOP. */
async function powerOff(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
