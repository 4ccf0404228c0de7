import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const SOFTHSM_LIBRARY = '/usr/lib/softhsm/libsofthsm2.so';

/** SoftHSM2 with a token of its own, found by this process and those that it starts. */
export interface SoftHsm {
  readonly token: string;
  readonly pin: string;
  remove(): Promise<void>;
}

export async function startSoftHsm(): Promise<SoftHsm> {
  const dir = await mkdtemp(join(tmpdir(), 'ts-hsm-'));
  await mkdir(join(dir, 'tokens'));
  const conf = join(dir, 'softhsm2.conf');
  await writeFile(
    conf,
    `directories.tokendir = ${join(dir, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const before = process.env['SOFTHSM2_CONF'];
  process.env['SOFTHSM2_CONF'] = conf;
  const [token, pin, soPin] = ['touchstone-ca', '12345678', '87654321'];
  const init = (label: string, ...pins: readonly [string, string]) =>
    run('softhsm2-util', [
      ...['--init-token', '--free', '--label', label],
      ...['--pin', pins[0], '--so-pin', pins[1]],
    ]);
  try {
    await init('another', '0000', '1111');
    await init(token, pin, soPin);
  } catch (error) {
    await rm(dir, { recursive: true });
    throw error;
  }
  return {
    ...{ token, pin },
    remove: async () => {
      if (before === undefined) delete process.env['SOFTHSM2_CONF'];
      else process.env['SOFTHSM2_CONF'] = before;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
