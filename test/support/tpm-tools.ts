import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** tpm2-tools at one TPM. Names of files are relative to a directory that is gone afterwards. */
export interface TpmTools {
  run(tool: string, ...args: string[]): Promise<void>;
  read(file: string): Promise<Uint8Array>;
  write(file: string, bytes: Uint8Array): Promise<void>;
}

/** The tools are the TPM's only client meanwhile: swtpm serves one at a time. */
export async function withTpmTools<T>(
  tcti: string,
  use: (tools: TpmTools) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-tools-'));
  const options = { cwd: dir, env: { ...process.env, TPM2TOOLS_TCTI: tcti } };
  try {
    return await use({
      run: async (tool, ...args) => {
        await run(tool, args, options);
        // No resource manager stands between: what a tool has loaded stays, and slots are few.
        await run('tpm2_flushcontext', ['--transient-object'], options);
      },
      read: (file) => readFile(join(dir, file)),
      write: (file, bytes) => writeFile(join(dir, file), bytes),
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A key in 0x81000001 that lockout guards, its auth `right`, and one wrong attempt, which is one too many. */
export async function lockOut(tools: TpmTools): Promise<void> {
  await tools.run('tpm2_dictionarylockout', '-s', '-n', '1', '-t', '1000', '-l', '1000');
  await tools.run('tpm2_createprimary', '-C', 'o', '-p', 'right', '-c', 'key.ctx');
  await tools.run('tpm2_evictcontrol', '-C', 'o', '-c', 'key.ctx', '0x81000001');
  const wrong = tools.run('tpm2_create', '-C', '0x81000001', '-P', 'wrong', '-u', 'u', '-r', 'r');
  await wrong.then(
    () => Promise.reject(new Error('the wrong auth was taken')),
    () => undefined,
  );
}

/** As its maker would have: the issuer of its EK certificates, in NV. */
export const writeChain = (tcti: string, der: Uint8Array): Promise<void> =>
  withTpmTools(tcti, async (tools) => {
    const attributes = 'ppwrite|ppread|ownerread|authread|no_da|platformcreate';
    await tools.write('chain', der);
    await tools.run(
      'tpm2_nvdefine',
      '0x01c00100',
      '-C',
      'p',
      '-s',
      `${der.length}`,
      '-a',
      attributes,
    );
    await tools.run('tpm2_nvwrite', '0x01c00100', '-C', 'p', '-i', 'chain');
  });
