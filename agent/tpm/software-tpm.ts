import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { access, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TpmError } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import { softwareTpmHealth, softwareTpmSocket } from './software-tpm-health.ts';

const run = promisify(execFile);

/**
 * The software TPM of this state directory, running when this returns. It is a process of its own that
 * outlives the agent, as a chip would: its boot ends when its process ends. Everything that makes it,
 * its CA among it, lies in the state directory. Gives its TCTI.
 * @throws AppError SOFTWARE_TPM_FAILED; TpmError TPM_TIMEOUT where it runs and hangs: it is not started beside itself
 */
export async function ensureSoftwareTpm(stateDir: string): Promise<string> {
  const directory = join(stateDir, 'swtpm');
  const socket = softwareTpmSocket(stateDir);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    if (!(await exists(join(directory, 'manufactured')))) await manufacture(directory);
    const health = await softwareTpmHealth(socket);
    if (health === 'hangs') throw new TpmError('TPM_TIMEOUT', 'open', `swtpm at ${socket} hangs`);
    if (health === 'absent') await powerOn(directory, socket);
  } catch (cause) {
    if (cause instanceof TpmError) throw cause;
    const detail = `${join(directory, 'setup.log')}: ${cause instanceof Error ? cause.message : ''}`;
    throw agentError('SOFTWARE_TPM_FAILED', { detail, cause });
  }
  return `swtpm:path=${socket}`;
}

/** The local CA's certificates, where they are: for the CA's record. */
export async function softwareEkChain(stateDir: string): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  for (const name of ['issuercert.pem', 'swtpm-localca-rootca-cert.pem']) {
    const pem = await readFile(join(stateDir, 'swtpm', name)).catch(() => null);
    if (pem !== null) chain.push(new X509Certificate(pem).raw);
  }
  return chain;
}

async function manufacture(directory: string): Promise<void> {
  const files = {
    'localca.conf':
      `statedir = ${directory}\nsigningkey = ${directory}/signkey.pem\n` +
      `issuercert = ${directory}/issuercert.pem\ncertserial = ${directory}/certserial\n`,
    'localca.options':
      '--platform-manufacturer Touchstone\n--platform-version 1\n--platform-model software\n',
    'setup.conf':
      `create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = ${directory}/localca.conf\n` +
      `create_certs_tool_options = ${directory}/localca.options\nactive_pcr_banks = sha256\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
  }
  await run(
    'swtpm_setup',
    [
      '--tpm2',
      '--tpmstate',
      `dir://${directory}`,
      '--config',
      join(directory, 'setup.conf'),
    ].concat(
      ['--create-ek-cert', '--lock-nvram', '--pcr-banks', 'sha256', '--overwrite'],
      ['--logfile', join(directory, 'setup.log')],
    ),
    { timeout: 60_000 },
  );
  // swtpm_localca lets its group read them, whatever the umask.
  for (const key of ['signkey.pem', 'swtpm-localca-rootca-privkey.pem']) {
    await chmod(join(directory, key), 0o600);
  }
  await writeFile(join(directory, 'manufactured'), '', { mode: 0o600 });
}

async function powerOn(directory: string, socket: string): Promise<void> {
  await run(
    'swtpm',
    ['socket', '--tpm2', '--tpmstate', `dir=${directory},mode=0600`].concat(
      ['--server', `type=unixio,path=${socket},mode=0600`],
      ['--ctrl', `type=unixio,path=${socket}.ctrl,mode=0600`],
      ['--flags', 'not-need-init,startup-clear', '--pid', `file=${join(directory, 'pid')}`],
      ['--log', `file=${join(directory, 'swtpm.log')},level=1`, '--daemon'],
    ),
    { timeout: 20_000 },
  );
  for (let waited = 0; waited < 5_000; waited += 20) {
    if ((await softwareTpmHealth(socket)) === 'answers') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('no answer after 5 s');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
