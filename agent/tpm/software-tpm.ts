import { execFile } from 'node:child_process';
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { agentError } from '../codes.ts';

const run = promisify(execFile);

/**
 * The software TPM of this state directory, running when this returns. It is a process of its own that
 * outlives the agent, as a chip would: its boot ends when its process ends. Everything that makes it,
 * its CA among it, lies in the state directory. Gives its TCTI.
 * @throws AppError SOFTWARE_TPM_FAILED
 */
export async function ensureSoftwareTpm(stateDir: string): Promise<string> {
  const directory = join(stateDir, 'swtpm');
  const socket = join(directory, 'socket');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    if (!(await exists(join(directory, 'manufactured')))) await manufacture(directory);
    if (!(await accepts(socket))) await powerOn(directory, socket);
  } catch (cause) {
    const detail = `${join(directory, 'setup.log')}: ${cause instanceof Error ? cause.message : ''}`;
    throw agentError('SOFTWARE_TPM_FAILED', { detail, cause });
  }
  return `swtpm:path=${socket}`;
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
    if (await accepts(socket)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('no connection after 5 s');
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
